import { CLOCK_WORKER, SCHEDULERS, WORKERS } from './processes';
import { SeededRandom } from '../kit/random';

export type FaultKind =
  | 'kill-worker'
  | 'kill-scheduler'
  | 'stop-worker'
  | 'stop-scheduler'
  | 'rolling-restart'
  | 'redis-flush'
  | 'redis-restore'
  | 'redis-kill'
  | 'redis-disk-full'
  | 'redis-stop'
  | 'postgres-restart'
  | 'postgres-kill'
  | 'postgres-stop'
  | 'dockerd-kill'
  | 'dockerd-restart'
  | 'dockerd-stop'
  | 'clock-shift'
  | 'cut'
  | 'slow'
  | 'half-open'
  | 'container-kill'
  | 'cut-one'
  | 'lose-reply'
  | 'hiccup';

export type Service = 'postgres' | 'redis' | 'docker' | 'api';

export interface PlannedFault {
  /** After the beginning of the faults. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** A process (`worker 2`), or the service itself. */
  readonly target: string;
  /** Whose connection: of faults on links. */
  readonly service: Service | null;
  /** How long it lasts, or how long what was ended stays down; 0 for faults of a moment. */
  readonly durationMs: number;
  /** 0 ≤ x < 1, for whatever else is to be chosen: which connection, which container, which direction. */
  readonly chance: number;
}

/** Each deck has every kind so often; a short run draws from one deck, so that it meets nearly all of them. */
const DECK: Readonly<Partial<Record<FaultKind, number>>> = {
  'kill-worker': 4,
  'kill-scheduler': 2,
  'stop-worker': 2,
  'stop-scheduler': 1,
  'rolling-restart': 1,
  'redis-flush': 1,
  'redis-restore': 1,
  'redis-kill': 1,
  'redis-disk-full': 1,
  'redis-stop': 1,
  'postgres-restart': 1,
  'postgres-kill': 1,
  'postgres-stop': 1,
  'dockerd-kill': 1,
  'dockerd-restart': 1,
  'dockerd-stop': 1,
  'clock-shift': 1,
  cut: 3,
  slow: 3,
  'half-open': 3,
  'container-kill': 4,
};
const GAP_MS = [2_500, 6_500] as const;
/** Mean pause between two small faults on connections, ms. */
const SMALL_GAP_MS = 120;
/** After each deck no fault begins for so long: time in which deadlines and teardowns must hold, ms. */
const CALM_MS = 45_000;

/** How long each kind lasts, from and to, ms. A lease is 10 s: a stop and some cuts are longer. */
const DURATIONS: Readonly<Partial<Record<FaultKind, readonly [number, number]>>> = {
  'kill-worker': [200, 20_000],
  'kill-scheduler': [200, 15_000],
  'stop-worker': [17_000, 28_000],
  'stop-scheduler': [5_000, 25_000],
  'redis-kill': [200, 8_000],
  'redis-restore': [200, 3_000],
  'redis-disk-full': [6_000, 15_000],
  'redis-stop': [2_000, 15_000],
  'postgres-restart': [100, 4_000],
  'postgres-kill': [100, 4_000],
  'postgres-stop': [2_000, 15_000],
  'dockerd-kill': [100, 5_000],
  'dockerd-restart': [100, 5_000],
  'dockerd-stop': [2_000, 15_000],
  'clock-shift': [10_000, 40_000],
  cut: [1_000, 20_000],
  slow: [4_000, 15_000],
  'half-open': [4_000, 20_000],
  hiccup: [200, 1_500],
};

/** The whole plan, in the order of time. It follows from seed and length alone. */
export function planFaults(seed: number, durationMs: number): PlannedFault[] {
  const large = planLarge(SeededRandom.named(`large ${seed}`), durationMs);
  const calms = large.calms;
  const isCalm = (atMs: number): boolean => calms.some(([from, to]) => atMs >= from && atMs < to);
  const small = planSmall(SeededRandom.named(`small ${seed}`), durationMs).filter(({ atMs }) => !isCalm(atMs));
  return [...large.faults, ...small].sort((a, b) => a.atMs - b.atMs);
}

function planLarge(random: SeededRandom, durationMs: number): { faults: PlannedFault[]; calms: [number, number][] } {
  const faults: PlannedFault[] = [];
  const calms: [number, number][] = [];
  let atMs = random.int(...GAP_MS);
  for (;;) {
    for (const kind of random.shuffle(deck())) {
      if (atMs >= durationMs) return { faults, calms };
      faults.push(planOne(random, kind, atMs));
      atMs += random.int(...GAP_MS);
    }
    calms.push([atMs, atMs + CALM_MS]);
    atMs += CALM_MS;
  }
}

function deck(): FaultKind[] {
  return Object.entries(DECK).flatMap(([kind, count]) => Array.from({ length: count }, () => kind as FaultKind));
}

function planSmall(random: SeededRandom, durationMs: number): PlannedFault[] {
  const faults: PlannedFault[] = [];
  const kinds = ['cut-one', 'cut-one', 'lose-reply', 'lose-reply', 'hiccup'] as const;
  for (let atMs = 1_000; ;) {
    atMs += Math.round(-Math.log(1 - random.next()) * SMALL_GAP_MS);
    if (atMs >= durationMs) return faults;
    faults.push(planOne(random, random.pick(kinds), atMs));
  }
}

function planOne(random: SeededRandom, kind: FaultKind, atMs: number): PlannedFault {
  const [from, to] = DURATIONS[kind] ?? [0, 0];
  return { atMs, kind, ...targetOf(random, kind), durationMs: random.int(from, to), chance: random.next() };
}

function targetOf(random: SeededRandom, kind: FaultKind): Pick<PlannedFault, 'target' | 'service'> {
  const scheduler = (): string => `scheduler ${random.int(1, SCHEDULERS)}`;
  const worker = (): string => `worker ${random.int(1, WORKERS)}`;
  switch (kind) {
    case 'kill-worker':
    case 'stop-worker':
      return { target: worker(), service: null };
    case 'kill-scheduler':
    case 'stop-scheduler':
      return { target: scheduler(), service: null };
    case 'clock-shift':
      return { target: CLOCK_WORKER, service: null };
    case 'rolling-restart':
      return { target: 'all processes', service: null };
    case 'redis-flush':
    case 'redis-restore':
    case 'redis-kill':
    case 'redis-disk-full':
    case 'redis-stop':
      return { target: 'redis', service: null };
    case 'postgres-restart':
    case 'postgres-kill':
    case 'postgres-stop':
      return { target: 'postgres', service: null };
    case 'dockerd-kill':
    case 'dockerd-restart':
    case 'dockerd-stop':
      return { target: 'dockerd', service: null };
    case 'container-kill':
      return { target: 'container', service: null };
    case 'cut':
    case 'slow':
    case 'half-open':
    case 'cut-one':
    case 'lose-reply':
    case 'hiccup':
      return random.isTrue(0.7)
        ? { target: worker(), service: random.pick(['postgres', 'postgres', 'redis', 'docker', 'docker']) }
        : { target: scheduler(), service: random.pick(['postgres', 'redis', 'api']) };
  }
}
