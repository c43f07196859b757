/** What every bench gets: servers of its own, started for this run only. */
export interface BenchContext {
  /** Of a database on which databases can be made. Durable: every commit is on the disk, as in production. */
  readonly adminUrl: string;
  /** Append-only file written every second, as in production. */
  readonly redisUrl: string;
  /** Null where no container engine answers. */
  readonly dockerHost: string | null;
  log(line: string): void;
}

export interface Bench {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  readonly needsDocker: boolean;
  run(context: BenchContext): Promise<Figure[]>;
}

/** One line of the table. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly base: readonly number[];
  /** Which figures of the two sides are compared. */
  readonly at: Percentile;
  /** Null: it is only reported. */
  readonly aim: Aim | null;
  /** Where ours spends what it spends, in words and figures; shown in full when the aim is missed. */
  readonly breakdown: readonly string[];
}

export type Percentile = 'p50' | 'p95' | 'p99';

/** `ratio`: ours over base. `difference`: ours minus base, in the figure's unit. */
export interface Aim {
  readonly of: 'ratio' | 'difference';
  readonly relation: '≤' | '≥';
  readonly limit: number;
}
