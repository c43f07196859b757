/** What decides when a schedule fires, from an edit on. */
export interface SpecChange {
  readonly at: Date;
  readonly enabled: boolean;
  readonly cron: string;
  readonly timezone: string;
  /** Of a pause or resume. */
  readonly note: string | null;
}

export interface PausedSpan {
  readonly from: Date;
  /** Null: it still is. */
  readonly to: Date | null;
  readonly note: string | null;
  /** What it would have fired by when the pause began. */
  readonly cron: string;
  readonly timezone: string;
}

/** When a schedule was paused, oldest first. `changes` are oldest first. */
export function pausedSpans(changes: readonly SpecChange[]): PausedSpan[] {
  const spans: PausedSpan[] = [];
  let open: SpecChange | null = null;
  for (const change of changes) {
    if (!change.enabled) open ??= change;
    else if (open) {
      spans.push(spanOf(open, change.at));
      open = null;
    }
  }
  return open ? [...spans, spanOf(open, null)] : spans;
}

function spanOf({ at, note, cron, timezone }: SpecChange, to: Date | null): PausedSpan {
  return { from: at, to, note, cron, timezone };
}
