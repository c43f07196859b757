import { areFailpointsArmed, effect } from '@crewtab/domain/failpoint';
import type { Runtime } from '@crewtab/domain/ports/runtime';
import { PORT_POINTS, type PortName } from './port-points';

/** Which port each part of an opened store is. */
const PORT_OF_PART = {
  runs: 'run-store',
  delegations: 'delegation-store',
  fires: 'fire-store',
  events: 'run-event-log',
  hosts: 'host-store',
  hostImages: 'host-image-store',
  teams: 'team-store',
  schedules: 'schedule-store',
  archive: 'run-archive',
  access: 'access-store',
  sessions: 'session-store',
  secrets: 'secret-store',
  overview: 'overview-store',
  idempotency: 'idempotency-store',
  retention: 'retention-store',
  artifacts: 'artifact-index',
  keptWorkspaces: 'kept-workspace-store',
} as const satisfies Record<string, PortName>;

/** The object itself; while failpoints are armed, one whose effects pass a point before and after. */
export function withPoints<Port extends object>(name: PortName, port: Port): Port {
  if (!areFailpointsArmed()) return port;
  const points: Readonly<Record<string, unknown>> = PORT_POINTS[name];
  return new Proxy(port, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      const call = (args: unknown[]): unknown => Reflect.apply(value, target, args);
      if (typeof member !== 'string' || points[member] !== 'effect') return (...args: unknown[]) => call(args);
      return (...args: unknown[]) => effect(`${name}.${member}`, () => call(args));
    },
  });
}

/** A runtime whose channels are withPoints too. */
export function withRuntimePoints(runtime: Runtime): Runtime {
  if (!areFailpointsArmed()) return runtime;
  const open: Runtime['open'] = async (...args) => withPoints('agent-channel', await runtime.open(...args));
  return new Proxy(withPoints('runtime', runtime), {
    get: (target, member) => (member === 'open' ? open : (Reflect.get(target, member) as unknown)),
  });
}

/** A store, all of whose parts are withPoints. */
export function withStorePoints<Store extends Record<keyof typeof PORT_OF_PART, object>>(store: Store): Store {
  if (!areFailpointsArmed()) return store;
  const parts = Object.entries(PORT_OF_PART) as [keyof typeof PORT_OF_PART, PortName][];
  return { ...store, ...Object.fromEntries(parts.map(([part, port]) => [part, withPoints(port, store[part])])) };
}
