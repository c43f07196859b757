import { AppError } from '@crewtab/domain/errors';

/**
 * - `failBefore`: fails without any effect.
 * - `failHalfway` (`ensureAgent` only): the container is made but not started, then the call fails.
 * - `failAfter`: takes effect, then the reply is lost.
 * - `hang`: waits, without effect, until its gate is released or the call's signal aborts.
 * - `hangAfter`: takes effect, then waits in the same way.
 */
export type FaultKind = 'failBefore' | 'failHalfway' | 'failAfter' | 'hang' | 'hangAfter';

/** Holds a call at a fault. */
export interface FaultGate {
  /** Resolves when a call has run into the fault. */
  readonly reached: Promise<void>;
  /** Lets a hanging call continue. */
  release(): void;
}

export interface Fault extends FaultGate {
  readonly kind: FaultKind;
  readonly error: AppError;
  readonly released: Promise<void>;
  reach(): void;
}

/** Faults that wait for the next calls of an operation, first in, first out. */
export class Faults<Operation extends string> {
  private readonly waiting = new Map<Operation, Fault[]>();

  /** The next call of `operation` that has no earlier fault runs into this one. Default error: `engine_unreachable`. */
  next(operation: Operation, kind: FaultKind, error: AppError = lostReply(operation)): FaultGate {
    const fault = makeFault(kind, error);
    this.waiting.set(operation, [...(this.waiting.get(operation) ?? []), fault]);
    return fault;
  }

  /** Taken by the fake when an operation begins. */
  take(operation: Operation): Fault | null {
    const fault = this.waiting.get(operation)?.shift() ?? null;
    fault?.reach();
    return fault;
  }

  /** Faults that no call has run into. */
  get unused(): number {
    return [...this.waiting.values()].reduce((sum, faults) => sum + faults.length, 0);
  }
}

/**
 * Runs an operation through its next fault.
 * @param effect its argument is true where only the first half shall happen
 */
export async function withFault<T>(
  fault: Fault | null,
  signal: AbortSignal | null,
  effect: (isHalf: boolean) => T | Promise<T>,
): Promise<T> {
  if (!fault) return effect(false);
  if (fault.kind === 'failBefore') throw fault.error;
  if (fault.kind === 'hang') await untilReleased(fault, signal);
  const result = await effect(fault.kind === 'failHalfway');
  if (fault.kind === 'hangAfter') await untilReleased(fault, signal);
  if (fault.kind === 'failAfter' || fault.kind === 'failHalfway') throw fault.error;
  return result;
}

async function untilReleased(fault: Fault, signal: AbortSignal | null): Promise<void> {
  if (!signal) return fault.released;
  const aborted = new Promise<never>((_, reject) => {
    const abort = (): void =>
      reject(new AppError('engine_error', 'aborted', { retryable: true, cause: signal.reason }));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  await Promise.race([fault.released, aborted]);
}

function lostReply(operation: string): AppError {
  return new AppError('engine_unreachable', `the engine did not answer (${operation})`, { retryable: true });
}

function makeFault(kind: FaultKind, error: AppError): Fault {
  let reach: () => void = () => undefined;
  let release: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  return { kind, error, reached, released, reach: () => reach(), release: () => release() };
}
