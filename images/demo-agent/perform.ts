import type { Directive } from './directives';
import { DIRECTIVES } from './directives';
import type { Turn, TurnEnd } from './turn';
import { messageOf } from './turn';

interface Instruction {
  readonly directive: Directive;
  readonly argument: RegExpExecArray;
}

/** How much of a prompt without directives is echoed. */
const ECHO_CHARS = 200;

/**
 * Does what the prompt says, line by line. Lines that are no directive are passed over, so that instructions and prose
 * may stand around them; a prompt without any is answered by an echo, the same one every time.
 */
export async function perform(turn: Turn, prompt: string): Promise<TurnEnd> {
  const instructions = parsePrompt(prompt);
  try {
    if (instructions.length === 0) await turn.answer(echo(prompt));
    for (const { directive, argument } of instructions) {
      if ('end' in directive) return directive.end(argument);
      await directive.act(turn, argument);
      if (turn.isCancelled) return { reason: 'cancelled' };
    }
    return { reason: 'end_turn' };
  } catch (error) {
    return turn.isCancelled ? { reason: 'cancelled' } : { error: messageOf(error) };
  }
}

function parsePrompt(prompt: string): Instruction[] {
  return prompt.split('\n').flatMap((line) => {
    const [, word = '', rest = ''] = /^\s*([a-z-]+)(?:\s+(.*?))?\s*$/.exec(line) ?? [];
    const directive = Object.hasOwn(DIRECTIVES, word) ? DIRECTIVES[word] : undefined;
    const argument = directive?.pattern.exec(rest);
    return directive && argument ? [{ directive, argument }] : [];
  });
}

function echo(prompt: string): string {
  const text = prompt.trim();
  const shown = text.length > ECHO_CHARS ? `${text.slice(0, ECHO_CHARS)}…` : text;
  return `You said, in ${prompt.length} characters: ${shown}`;
}
