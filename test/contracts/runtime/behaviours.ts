/** What the contract suite needs programs for. Each is a few lines of shell or a FakeProgram. */
export type Behaviour =
  /** Says `started`, then answers every line of stdin with `echo: <line>`. */
  | { readonly does: 'echo' }
  /** Copies stdin to stdout until end of file, then says `end of file` and ends with 0. */
  | { readonly does: 'cat' }
  /** Says `bye` without a newline and ends with the code. */
  | { readonly does: 'exit'; readonly code: number }
  /** Says `ready` and runs until it is killed by SIGKILL. */
  | { readonly does: 'ignoreSigterm' }
  /** Says `ready`; at SIGTERM says `bye` and ends with 0. */
  | { readonly does: 'obeySigterm' }
  /** Writes the numbers 1 to n, a line each, and ends with 0. */
  | { readonly does: 'count'; readonly to: number }
  /** Writes one line of that many `x`, then `after`, and ends with 0. */
  | { readonly does: 'longLine'; readonly bytes: number }
  /** Writes `out 1`, `err 1`, `out 2`, `err 2` (the latter to stderr) and ends with 0. */
  | { readonly does: 'bothStreams' }
  /** Writes the line `grün`, cut in the middle of the ü. */
  | { readonly does: 'splitCharacter' }
  /** Writes the value of an environment variable. */
  | { readonly does: 'printEnv'; readonly name: string }
  /** Creates a file of that name and content in its working directory, says `written`, and runs on. */
  | { readonly does: 'writeFile'; readonly name: string; readonly content: string }
  /** Writes the file's content. */
  | { readonly does: 'readFile'; readonly name: string }
  /** Adds to a file of its HOME, and writes what is in it then. */
  | { readonly does: 'readHome'; readonly name: string; readonly added: string }
  /** Takes memory until it is killed for it. */
  | { readonly does: 'eatMemory' }
  /** Cannot be started: there is no such program. */
  | { readonly does: 'notExist' };

const FOREVER = 'while :; do sleep 0.05; done';

/** The behaviour as a command for a machine or image with sh and coreutils (or busybox). */
export function shellCommand(behaviour: Behaviour): readonly string[] {
  if (behaviour.does === 'notExist') return ['/no/such/program'];
  return ['/bin/sh', '-c', shellScript(behaviour)];
}

function shellScript(behaviour: Exclude<Behaviour, { does: 'notExist' }>): string {
  switch (behaviour.does) {
    case 'echo':
      return 'echo started; while IFS= read -r line; do printf "echo: %s\\n" "$line"; done';
    case 'cat':
      return 'cat; echo "end of file"';
    case 'exit':
      return `printf bye; exit ${behaviour.code}`;
    case 'ignoreSigterm':
      return `trap "" TERM; echo ready; ${FOREVER}`;
    case 'obeySigterm':
      return `trap "echo bye; exit 0" TERM; echo ready; ${FOREVER}`;
    case 'count':
      return `seq ${behaviour.to}`;
    case 'longLine':
      return `head -c ${behaviour.bytes} /dev/zero | tr "\\000" x; echo; echo after`;
    case 'bothStreams':
      return 'echo "out 1"; echo "err 1" >&2; echo "out 2"; echo "err 2" >&2';
    case 'splitCharacter':
      return 'printf "gr\\303"; sleep 0.2; printf "\\274n\\n"';
    case 'printEnv':
      return `printf "%s\\n" "$${behaviour.name}"`;
    case 'writeFile':
      return `printf "%s" "${behaviour.content}" > "${behaviour.name}" && echo written; ${FOREVER}`;
    case 'readFile':
      return `cat "${behaviour.name}"`;
    case 'readHome':
      return `cd "$HOME" && printf "%s" "${behaviour.added}" >> "${behaviour.name}" && cat "${behaviour.name}"`;
    case 'eatMemory':
      return 'exec tail /dev/zero';
  }
}
