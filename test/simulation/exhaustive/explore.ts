import { keyOf, start, type Model, type Scope } from './model';
import { stepsFrom } from './steps';

export interface Exploration {
  readonly states: number;
  readonly edges: number;
  /** How often each kind of step was taken. */
  readonly steps: ReadonlyMap<string, number>;
  /** The shortest way to something forbidden; null when nothing forbidden can be reached. */
  readonly broken: { readonly what: string; readonly path: readonly string[] } | null;
  /** The shortest ways to the states from which the run can no longer end with everything removed, shortest first. */
  readonly stuck: readonly (readonly string[])[];
}

/** Breadth first through every state that can be reached, and back again from the ends. */
export function explore(scope: Scope): Exploration {
  const first = start(scope);
  // What was looked at is forgotten: millions of states would not fit.
  const models: (Model | null)[] = [first];
  const ends = [isOver(first)];
  const indexByKey = new Map([[keyOf(first), 0]]);
  const cameFrom: { readonly from: number; readonly what: string }[] = [{ from: -1, what: '' }];
  const taken: Steps = { from: [], to: [] };
  const steps = new Map<string, number>();
  let edges = 0;
  for (let at = 0; at < models.length; at++) {
    const model = models[at];
    if (!model) throw new Error(`state ${at} was forgotten before it was looked at`);
    models[at] = null;
    for (const { what, to, breaks } of stepsFrom(model, scope)) {
      edges++;
      steps.set(what, (steps.get(what) ?? 0) + 1);
      const wrong = breaks ?? wrongIn(to);
      if (wrong)
        return {
          states: models.length,
          edges,
          steps,
          broken: { what: wrong, path: [...pathTo(cameFrom, at), what] },
          stuck: [],
        };
      const key = keyOf(to);
      let index = indexByKey.get(key);
      if (index === undefined) {
        index = models.push(to) - 1;
        indexByKey.set(key, index);
        cameFrom.push({ from: at, what });
        ends.push(isOver(to));
      }
      taken.from.push(at);
      taken.to.push(index);
    }
  }
  return {
    states: models.length,
    edges,
    steps,
    broken: null,
    stuck: cannotEnd(ends, taken).map((index) => pathTo(cameFrom, index)),
  };
}

function wrongIn({ prompts }: Model): string | null {
  return prompts > 1 ? 'the agent got the prompt twice' : null;
}

function pathTo(cameFrom: readonly { readonly from: number; readonly what: string }[], index: number): string[] {
  const path: string[] = [];
  for (let at = cameFrom[index]; at && at.from >= 0; at = cameFrom[at.from]) path.unshift(at.what);
  return path;
}

function isOver({ row, box, hasProgram, isCreateUnderWay, isProgramUnderWay }: Model): boolean {
  const isClean = box.status === 'none' && !hasProgram && !isCreateUnderWay && !isProgramUnderWay;
  return row.phase === 'finished' && isClean;
}

/** Both ends of each step, by index. */
interface Steps {
  readonly from: number[];
  readonly to: number[];
}

function cannotEnd(ends: readonly boolean[], taken: Steps): number[] {
  const { firstOf, sources } = stepsInto(ends.length, taken);
  const canEnd = Uint8Array.from(ends, Number);
  const queue = ends.flatMap((isEnd, index) => (isEnd ? [index] : []));
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    for (let at = firstOf[index] ?? 0; at < (firstOf[index + 1] ?? 0); at++) {
      const before = sources[at] ?? 0;
      if (canEnd[before]) continue;
      canEnd[before] = 1;
      queue.push(before);
    }
  }
  return ends.flatMap((_, index) => (canEnd[index] ? [] : [index]));
}

/** Where the steps into a state come from: `sources` from `firstOf` of the state to `firstOf` of the next. */
function stepsInto(states: number, { from, to }: Steps): { firstOf: Int32Array; sources: Int32Array } {
  const firstOf = new Int32Array(states + 1);
  for (const index of to) firstOf[index + 1] = (firstOf[index + 1] ?? 0) + 1;
  for (let index = 0; index < states; index++) firstOf[index + 1] = (firstOf[index + 1] ?? 0) + (firstOf[index] ?? 0);
  const next = firstOf.slice();
  const sources = new Int32Array(to.length);
  for (const [step, index] of to.entries()) {
    const place = next[index] ?? 0;
    sources[place] = from[step] ?? 0;
    next[index] = place + 1;
  }
  return { firstOf, sources };
}
