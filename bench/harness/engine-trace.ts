import Docker from 'dockerode';

/** A time during which something else worked: the container engine, or the agent. */
export interface Span {
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

interface Request {
  readonly path: string;
  readonly method: string;
}
type Answer = (error: unknown, result: unknown) => void;
interface Modem {
  dial(request: Request, answer: Answer): void;
}

/** Sees every call to the engine that this process makes: all go through one method of dockerode's modem. */
export class EngineTrace {
  private spans: Span[] = [];

  static install(): EngineTrace {
    const trace = new EngineTrace();
    const modem = Object.getPrototypeOf(new Docker().modem) as Modem;
    const dial: Modem['dial'] = Reflect.get(modem, 'dial');
    modem.dial = function (this: Modem, request, answer) {
      const from = performance.now();
      dial.call(this, request, (error, result) => {
        trace.add({ what: callName(request), from, to: performance.now() });
        answer(error, result);
      });
    };
    return trace;
  }

  add(span: Span): void {
    this.spans.push(span);
  }

  /** What was seen since the last time, within [from, to]. */
  take(from: number, to: number): Span[] {
    const taken = this.spans.filter((span) => span.to > from && span.from < to);
    this.spans = [];
    return taken;
  }
}

/** Length of the time that at least one of the spans covers, ms. */
export function covered(spans: readonly Span[], from: number, to: number): number {
  let total = 0;
  let end = from;
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const begin = Math.max(span.from, end);
    const until = Math.min(span.to, to);
    if (until > begin) {
      total += until - begin;
      end = until;
    }
  }
  return total;
}

/** `POST /containers/…/start`: without ids and queries, so that the calls of two runs can be compared. */
function callName({ method, path }: Request): string {
  const plain = path
    .replace(/\?.*$/, '')
    .replace(/\/(containers|volumes|images|networks)\/(?!create|json)[^/]+/, '/$1/…');
  return `${method} ${plain}`;
}
