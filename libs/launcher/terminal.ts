import { messageOf } from '../local-services/service-error';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Style = keyof typeof CODES;

/** Told apart by colour, in the order in which they first speak. */
const AGENT_STYLES: readonly Style[] = ['cyan', 'magenta', 'yellow', 'blue', 'green'];
const NARROWEST = 40;

/** What the launcher prints to: colours only for people at a terminal, lines cut to its width where they may be. */
export class Terminal {
  private readonly agentStyles = new Map<string, Style>();

  constructor(
    private readonly out: Pick<NodeJS.WriteStream, 'write' | 'columns' | 'isTTY'>,
    private readonly hasColor: boolean,
  ) {}

  static of(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
    return new Terminal(out, out.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb');
  }

  line(text = ''): void {
    this.out.write(`${text}\n`);
  }

  /** One step of the start. */
  step(text: string): void {
    this.line(`${this.style('dim', '·')} ${text}`);
  }

  done(text: string): void {
    this.line(`${this.style('green', '✓')} ${text}`);
  }

  warn(text: string): void {
    this.line(`${this.style('yellow', '!')} ${text}`);
  }

  error(error: unknown): void {
    const hint = typeof error === 'object' && error !== null && 'hint' in error ? String(error.hint) : null;
    this.line(`${this.style('red', '✗')} ${messageOf(error)}`);
    if (hint) this.line(`  ${this.style('dim', `→ ${hint}`)}`);
  }

  style(style: Style, text: string): string {
    return this.hasColor ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
  }

  agent(name: string): string {
    let style = this.agentStyles.get(name);
    if (!style) {
      style = AGENT_STYLES[this.agentStyles.size % AGENT_STYLES.length] ?? 'cyan';
      this.agentStyles.set(name, style);
    }
    return this.style(style, name);
  }

  /** One line that fits; only a terminal has a width. `taken`: columns that stand before it. */
  fit(text: string, taken = 0): string {
    const oneLine = text.replace(/\s+/g, ' ').trim();
    const width = this.out.isTTY ? Math.max(NARROWEST, this.out.columns ?? 80) - taken : 160;
    return oneLine.length > width ? `${oneLine.slice(0, width - 1)}…` : oneLine;
  }
}
