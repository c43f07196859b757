import type { EvidenceFolder } from './evidence-folder';

export interface FaultEntry {
  readonly kind: string;
  readonly target: string;
  readonly detail: string;
}

/** Counts faults and writes each to faults.jsonl once it is over. */
export class FaultLog {
  private readonly byKind = new Map<string, number>();
  private readonly open = new Set<() => void>();

  constructor(private readonly evidence: EvidenceFolder) {}

  /** A fault that is over already. */
  note(fault: FaultEntry, since: Date): void {
    this.begin(fault, since)();
  }

  /** The fault begins now, or began then. @returns what says that it is over; calling it again does nothing. */
  begin(fault: FaultEntry, since = new Date()): () => void {
    const at = since.toISOString();
    this.byKind.set(fault.kind, (this.byKind.get(fault.kind) ?? 0) + 1);
    const end = (): void => {
      if (!this.open.delete(end)) return;
      this.evidence.append('faults.jsonl', { at, endedAt: new Date().toISOString(), ...fault });
    };
    this.open.add(end);
    return end;
  }

  /** Notes an end for whatever was cut off before its own. */
  endAll(): void {
    for (const end of [...this.open]) end();
  }

  /** Kinds by their number, most first. */
  counts(): Record<string, number> {
    return Object.fromEntries([...this.byKind].sort(([, a], [, b]) => b - a));
  }

  get total(): number {
    return [...this.byKind.values()].reduce((sum, count) => sum + count, 0);
  }
}
