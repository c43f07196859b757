import { plainText } from './plain-text';

/**
 * What a reader should know of a run whatever its status. Codes are stable, and docs/api.md explains each. `network_open` is
 * computed from the run's plan, and `workspace_fresh` from what was found when it began; the others are stored with the outcome.
 */
export const WARNING_CODES = [
  'network_open',
  'workspace_fresh',
  'team_tools_unused',
  'tool_call_open',
  'words_outside_turn',
  'permission_refused',
  'output_cut',
  'unknown_update',
  'artifact_refused',
  'artifacts_incomplete',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

export interface Warning {
  readonly code: WarningCode;
  /** For people. */
  readonly message: string;
}

/** Of one run: more are left out. */
export const MOST_WARNINGS = 100;
const MOST_DETAIL_CHARS = 200;

/** Of what one agent does. */
type AgentWarningCode = Exclude<
  WarningCode,
  'network_open' | 'workspace_fresh' | 'team_tools_unused' | 'artifact_refused' | 'artifacts_incomplete'
>;

const WORDS: Readonly<Record<AgentWarningCode, string>> = {
  tool_call_open: 'ended its turn with a tool call still open',
  words_outside_turn: 'said something outside of a turn, which is no part of the result',
  permission_refused: 'was refused a permission',
  output_cut: 'gave a longer result than is kept, which was cut',
  unknown_update: 'sent an update of a kind that Crewtab does not know',
};

/** What there is to warn of about one agent: each code once, with the first case's words and how many there were. */
export class WarningLog {
  private readonly cases = new Map<AgentWarningCode, { readonly detail: string; count: number }>();

  constructor(private readonly agent: string) {}

  note(code: AgentWarningCode, detail: string): void {
    const known = this.cases.get(code);
    if (known) known.count += 1;
    else this.cases.set(code, { detail: shorten(detail), count: 1 });
  }

  /** With cases that may yet turn out not to be any. */
  with(code: AgentWarningCode, details: readonly string[]): WarningLog {
    const copy = new WarningLog(this.agent);
    for (const [known, noted] of this.cases) copy.cases.set(known, { ...noted });
    for (const detail of details) copy.note(code, detail);
    return copy;
  }

  list(): Warning[] {
    return [...this.cases].map(([code, { detail, count }]) => {
      const first = detail === '' ? '' : `: ${detail}`;
      const more = count > 1 ? ` (and ${count - 1} more)` : '';
      return { code, message: `agent "${this.agent}" ${WORDS[code]}${first}${more}` };
    });
  }
}

/** Of an agent's own words one line without control characters. */
function shorten(detail: string): string {
  const line = plainText(detail.slice(0, 10 * MOST_DETAIL_CHARS))
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > MOST_DETAIL_CHARS ? `${line.slice(0, MOST_DETAIL_CHARS)}…` : line;
}
