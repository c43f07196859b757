import type { Behaviour } from '../../contracts/runtime/behaviours';
import type { FakeAgentIo, FakeProgram } from './fake-agent';
import type { FakeFile } from './fake-engine';

/** The contract suite's behaviours as programs of the fake runtime. `files` are the workspaces, as `FakeEngine` has them. */
export function fakeProgram(behaviour: Behaviour, files: Map<string, FakeFile>): FakeProgram {
  switch (behaviour.does) {
    case 'echo':
      return { onStart: (io) => io.emit('started'), onLine: (line, io) => io.emit(`echo: ${line}`) };
    case 'cat':
      return catProgram();
    case 'exit':
      return onceStarted((io) => {
        io.emitRaw('bye');
        io.exit(behaviour.code);
      });
    case 'ignoreSigterm':
      return { onStart: (io) => io.emit('ready'), onTerminate: () => undefined };
    case 'obeySigterm':
      return { onStart: (io) => io.emit('ready'), onTerminate: (io) => sayAndExit(io, ['bye']) };
    case 'count':
      return onceStarted((io) =>
        sayAndExit(
          io,
          Array.from({ length: behaviour.to }, (_, index) => String(index + 1)),
        ),
      );
    case 'longLine':
      return onceStarted((io) => sayAndExit(io, ['x'.repeat(behaviour.bytes), 'after']));
    case 'bothStreams':
      return onceStarted((io) => {
        for (const n of [1, 2]) {
          io.emit(`out ${n}`);
          io.emit(`err ${n}`, 'stderr');
        }
        io.exit(0);
      });
    case 'splitCharacter':
      return onceStarted((io) => sayAndExit(io, ['grün']));
    case 'printEnv':
      return onceStarted((io) => sayAndExit(io, [io.agent.env[behaviour.name] ?? '']));
    case 'writeFile':
      return onceStarted((io) => {
        const content = new TextEncoder().encode(behaviour.content);
        files.set(`${io.deployment.runId}/${behaviour.name}`, { content, mode: 0o644 });
        io.emit('written');
      });
    case 'readFile':
      return onceStarted((io) =>
        sayAndExit(io, [new TextDecoder().decode(files.get(`${io.deployment.runId}/${behaviour.name}`)?.content)]),
      );
    case 'readHome':
      return onceStarted((io) => {
        const content = io.agent.files?.find(({ path }) => path === behaviour.name)?.content ?? '';
        sayAndExit(io, `${content}${behaviour.added}`.split('\n'));
      });
    case 'eatMemory':
      return onceStarted((io) => io.exit(137, { oom: true }));
    case 'notExist':
      return { startError: 'exec: "/no/such/program": no such file or directory' };
  }
}

function onceStarted(act: (io: FakeAgentIo) => void): FakeProgram {
  return { onStart: act };
}

function sayAndExit(io: FakeAgentIo, lines: readonly string[]): void {
  for (const line of lines) io.emit(line);
  io.exit(0);
}

function catProgram(): FakeProgram {
  return {
    onInput: (data, io) => io.emitRaw(data),
    onEndInput: (io) => sayAndExit(io, ['end of file']),
  };
}
