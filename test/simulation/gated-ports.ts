import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import type { AgentChannel, FoundFile, OutputLine, Runtime } from '@crewtab/domain/ports/runtime';
import type { FakeRuntime } from '../fakes/runtime/fake-runtime';
import type { Port, SimProcess } from './sim-process';

/** Sees every write that carries a claim. */
export type ClaimWatch = (claim: Claim, method: string) => ((isAccepted: boolean) => void) | null;

type AnyMethod = (...args: unknown[]) => Promise<unknown>;

/**
 * A port as one process sees it: every method passes the process's gate. `special` takes the place of those methods
 * that are not a plain question and answer.
 */
export function gated<T extends object>(
  process: SimProcess,
  port: Port,
  inner: T,
  special: Partial<T> = {},
  watch: ClaimWatch = () => null,
): T {
  const made = new Map<string, unknown>(Object.entries(special));
  return new Proxy(inner, {
    get: (target, key) => {
      if (typeof key !== 'string') return undefined;
      const known = made.get(key);
      if (known !== undefined) return known;
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      const method = (...args: unknown[]): Promise<unknown> =>
        process.call(port, key, () => watched(args[0], key, watch, () => (member as AnyMethod).apply(target, args)));
      made.set(key, method);
      return method;
    },
  });
}

async function watched(
  first: unknown,
  method: string,
  watch: ClaimWatch,
  effect: () => Promise<unknown>,
): Promise<unknown> {
  if (!isClaim(first)) return effect();
  const onEnd = watch(first, method);
  try {
    const value = await effect();
    onEnd?.(true);
    return value;
  } catch (error) {
    onEnd?.(false);
    throw error;
  }
}

function isClaim(value: unknown): value is Claim {
  return typeof value === 'object' && value !== null && 'runId' in value && 'epoch' in value;
}

/** The run store; notifications are lost while the process is cut off from the database. */
export function gatedRunStore(process: SimProcess, inner: RunStore, isCut: () => boolean, watch: ClaimWatch): RunStore {
  const hear = (listener: (runId: string) => void) => (runId: string) => {
    if (!isCut()) process.enter(() => listener(runId));
  };
  return gated<RunStore>(
    process,
    'store',
    inner,
    {
      onRunControl: (listener) => process.call('store', 'onRunControl', () => inner.onRunControl(hear(listener))),
      onRunChanged: (listener) => process.call('store', 'onRunChanged', () => inner.onRunChanged(hear(listener))),
    },
    watch,
  );
}

export function gatedDelegations(process: SimProcess, inner: DelegationStore, watch: ClaimWatch): DelegationStore {
  return gated(process, 'delegations', inner, {}, watch);
}

/** The fire store. `locks` are the database's advisory locks: one that a dead process held is free. */
export function gatedFireStore(
  process: SimProcess,
  inner: FireStore,
  isCut: () => boolean,
  locks: Map<string, SimProcess>,
): FireStore {
  return gated<FireStore>(process, 'fires', inner, {
    onScheduleChanged: (listener) =>
      process.call('fires', 'onScheduleChanged', () =>
        inner.onScheduleChanged(() => {
          if (!isCut()) process.enter(listener);
        }),
      ),
    withSingleWriter: async (name, work) => {
      const isOurs = await process.call('fires', 'withSingleWriter', () => {
        const holder = locks.get(name);
        if (holder && holder.state !== 'gone') return Promise.resolve(false);
        locks.set(name, process);
        return Promise.resolve(true);
      });
      if (!isOurs) return false;
      try {
        await work();
        return true;
      } finally {
        if (locks.get(name) === process) locks.delete(name);
      }
    },
  });
}

/** A worker's way to its engine. */
export function gatedRuntime(process: SimProcess, inner: FakeRuntime, isCut: () => boolean): Runtime {
  return gated<Runtime>(process, 'runtime', inner, {
    open: async (handle, longestLineBytes) =>
      gatedChannel(process, await process.call('runtime', 'open', () => inner.open(handle, longestLineBytes))),
    watch: (installationId, onEnded) =>
      inner.watch(installationId, (ended) => {
        if (ended === null || !isCut()) process.enter(() => onEnded(ended));
      }),
    readFiles: (...args) => readThrough(process, () => inner.readFiles(...args)),
    workspacePath: () => inner.workspacePath(),
    toolsPath: (endpoint) => inner.toolsPath(endpoint),
    close: () => inner.close(),
  });
}

/** One call for all that there is to read. */
async function* readThrough(process: SimProcess, read: () => AsyncIterable<FoundFile>): AsyncGenerator<FoundFile> {
  const all = async (): Promise<FoundFile[]> => {
    const found: FoundFile[] = [];
    for await (const file of read()) found.push(file);
    return found;
  };
  yield* await process.call('runtime', 'readFiles', all);
}

function gatedChannel(process: SimProcess, inner: AgentChannel): AgentChannel {
  return {
    write: (data) => process.call('channel', 'write', () => inner.write(data)),
    endInput: () => process.call('channel', 'endInput', () => inner.endInput()),
    close: () => {
      if (process.state !== 'gone') inner.close();
    },
    output: {
      [Symbol.asyncIterator]: () => {
        const lines = inner.output[Symbol.asyncIterator]();
        return {
          // A line that waits to be read is no call: only one that is there passes the gate.
          next: async (): Promise<IteratorResult<OutputLine>> => {
            const line = await process.receive(lines.next());
            return line.done ? line : process.call('channel', 'read', () => Promise.resolve(line));
          },
          return: () => process.receive(lines.return?.() ?? Promise.resolve({ done: true, value: undefined })),
        };
      },
    },
  };
}
