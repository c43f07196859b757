import { keyOf, start, type Model, type Scope } from './model';
import { stepsFrom } from './steps';

export interface Exploration {
  readonly states: number;
  readonly edges: number;
  /** How often each kind of step was taken. */
  readonly steps: ReadonlyMap<string, number>;
  /** The shortest way to something forbidden; null when nothing forbidden can be reached. */
  readonly broken: { readonly what: string; readonly path: readonly string[] } | null;
  /** States from which the run can no longer end with everything removed. */
  readonly stuck: readonly Model[];
}

/** Breadth first through every state that can be reached, and back again from the ends. */
export function explore(scope: Scope): Exploration {
  const first = start(scope);
  const models: Model[] = [first];
  const indexByKey = new Map([[keyOf(first), 0]]);
  const cameFrom: { readonly from: number; readonly what: string }[] = [{ from: -1, what: '' }];
  const back: number[][] = [[]];
  const steps = new Map<string, number>();
  let edges = 0;
  for (let at = 0; at < models.length; at++) {
    const model = models[at];
    if (!model) break;
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
        back.push([]);
      }
      back[index]?.push(at);
    }
  }
  return { states: models.length, edges, steps, broken: null, stuck: cannotEnd(models, back) };
}

function wrongIn({ prompts }: Model): string | null {
  return prompts > 1 ? 'the agent got the prompt twice' : null;
}

function pathTo(cameFrom: readonly { readonly from: number; readonly what: string }[], index: number): string[] {
  const path: string[] = [];
  for (let at = cameFrom[index]; at && at.from >= 0; at = cameFrom[at.from]) path.unshift(at.what);
  return path;
}

function isOver({ row, box, isCreateUnderWay }: Model): boolean {
  return row.phase === 'finished' && box.status === 'none' && !isCreateUnderWay;
}

function cannotEnd(models: readonly Model[], back: readonly (readonly number[])[]): Model[] {
  const canEnd = new Uint8Array(models.length);
  const queue = models.flatMap((model, index) => (isOver(model) ? [index] : []));
  for (const index of queue) canEnd[index] = 1;
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    for (const before of back[index] ?? []) {
      if (canEnd[before]) continue;
      canEnd[before] = 1;
      queue.push(before);
    }
  }
  return models.filter((_, index) => !canEnd[index]);
}
