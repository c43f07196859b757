/** What is wrong, about which run, schedule or object, and when. */
export interface Violation {
  /** A run, schedule or engine object: `run <id>`. */
  readonly subject: string;
  readonly facts: string;
  /** When it happened, ISO 8601; null where the evidence has no instant. */
  readonly at: string | null;
}

export interface CheckResult {
  /** How many items were looked at; 0 means that the invariant was not tested at all. */
  readonly checked: number;
  readonly violations: readonly Violation[];
  /** What the evidence leaves open. */
  readonly warnings: readonly string[];
}

/** Gathers the result of one check. */
export class Findings {
  private checked = 0;
  private readonly violations: Violation[] = [];
  private readonly warnings: string[] = [];

  /** One more item was looked at. */
  count(items = 1): void {
    this.checked += items;
  }

  violate(subject: string, facts: string, at: number | null = null): void {
    this.violations.push({ subject, facts, at: at === null ? null : iso(at) });
  }

  warn(text: string): void {
    this.warnings.push(text);
  }

  /** One warning for many of a kind; none for none. */
  warnOf(items: number, text: string): void {
    if (items > 0) this.warnings.push(`${items} ${text}`);
  }

  result(): CheckResult {
    return { checked: this.checked, violations: this.violations, warnings: this.warnings };
  }
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}
