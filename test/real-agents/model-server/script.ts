/** Tokens that the model says it has read and written. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
}

const DEFAULT_TOKENS: Tokens = { input: 100, output: 20 };

/** What the model answers: text, or calls of tools, or both. */
export interface Reply {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** The answer ends where the model's token limit cut it. */
  readonly isCutByLimit: boolean;
  readonly tokens: Tokens;
}

export interface ToolCall {
  readonly tool: string;
  /** Codex names its tools in groups. */
  readonly namespace?: string;
  /** Some tools take a text that is no JSON. */
  readonly input: Readonly<Record<string, unknown>> | string;
}

/** What becomes of one request to the model. */
export type Step =
  | { readonly kind: 'reply'; readonly reply: Reply | ((heard: string) => Reply) }
  /** The API refuses, as often as it is asked or `times`; then the next step counts. */
  | { readonly kind: 'refuse'; readonly status: number; readonly message: string; readonly times: number }
  /** The stream begins, and its connection breaks in the middle of the text. */
  | { readonly kind: 'cut'; readonly reply: Reply; readonly times: number }
  /** The connection breaks before a status has come. */
  | { readonly kind: 'drop'; readonly times: number }
  /** Nothing comes, until the client hangs up. */
  | { readonly kind: 'hang'; readonly times: number };

/** A step with its reply. */
export type PlayedStep = Exclude<Step, { kind: 'reply' }> | { readonly kind: 'reply'; readonly reply: Reply };

export function playedOf(reply: Reply | ((heard: string) => Reply), heard: string): PlayedStep {
  return { kind: 'reply', reply: typeof reply === 'function' ? reply(heard) : reply };
}

export function say(text: string, tokens = DEFAULT_TOKENS): Step {
  return { kind: 'reply', reply: replyOf({ text, tokens }) };
}

export function call(tool: ToolCall): Step {
  return { kind: 'reply', reply: replyOf({ calls: [tool] }) };
}

/** @param choose is told what the calls of tools gave so far; a text ends the turn */
export function callAfter(choose: (heard: string) => ToolCall | string): Step {
  const reply = (heard: string): Reply => {
    const chosen = choose(heard);
    return replyOf(typeof chosen === 'string' ? { text: chosen } : { calls: [chosen] });
  };
  return { kind: 'reply', reply };
}

export function sayUntilLimit(text: string): Step {
  return { kind: 'reply', reply: replyOf({ text, isCutByLimit: true }) };
}

export function refuse(status: number, message: string, times = Infinity): Step {
  return { kind: 'refuse', status, message, times };
}

export function cut(text: string, times = Infinity): Step {
  return { kind: 'cut', reply: replyOf({ text }), times };
}

export function drop(times = Infinity): Step {
  return { kind: 'drop', times };
}

export function hang(times = Infinity): Step {
  return { kind: 'hang', times };
}

export function replyOf(parts: Partial<Reply>): Reply {
  return { text: '', calls: [], isCutByLimit: false, tokens: DEFAULT_TOKENS, ...parts };
}

/**
 * What the model does about one prompt. It is found by its name in the prompt, and its step by the calls of tools that stand
 * after it, so that a request that is asked again is at the same step.
 */
export class Script {
  /** How often a step that fails was played, by its place. */
  private readonly failures = new Map<number, number>();

  constructor(
    readonly name: string,
    private readonly steps: readonly Step[],
  ) {}

  /** For a person or an agent to say. */
  get prompt(): string {
    return `Please do what stands in ${this.name}.`;
  }

  /**
   * @param made replies with calls of tools that were given after the prompt
   * @param heard what they gave
   */
  stepAt(made: number, heard: string): PlayedStep {
    let replies = 0;
    for (const [place, step] of this.steps.entries()) {
      if (step.kind === 'reply') {
        if (replies === made) return playedOf(step.reply, heard);
        replies += 1;
      } else if (replies === made && this.fails(place, step.times)) return step;
    }
    return playedOf(replyOf({ text: `${this.name} has no step after ${made} calls` }), heard);
  }

  private fails(place: number, times: number): boolean {
    const failed = this.failures.get(place) ?? 0;
    this.failures.set(place, failed + 1);
    return failed < times;
  }
}
