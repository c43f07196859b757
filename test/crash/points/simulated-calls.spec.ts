import { PORT_POINTS } from '@crewtab/failpoints/port-points';
import { CALLS } from '@crewtab/simulation/plan-history';

/** As the simulator calls the ports that a worker and a scheduler work with. */
const PORTS = {
  'run-store': 'store',
  'host-store': 'store',
  'fire-store': 'fires',
  'delegation-store': 'delegations',
  runtime: 'runtime',
  'agent-channel': 'channel',
  'run-queue': 'queue',
  'alarm-clocks': 'clocks',
} as const;
const NEVER_DISTURBED: Readonly<Record<string, string>> = {
  'fires.withSingleWriter':
    'a lock of a session ends with its connection: its answer cannot be lost alone, nor come twice',
  'store.decommission': 'of an administrator, and not played',
};

describe('the plan of a history', () => {
  it('disturbs every call with an effect, or says why not', () => {
    const effects = Object.entries(PORTS).flatMap(([port, name]) =>
      Object.entries(PORT_POINTS[port as keyof typeof PORTS]).flatMap(([member, kind]) =>
        kind === 'effect' ? [`${name}.${member}`] : [],
      ),
    );
    const known = new Set([...Object.keys(CALLS), ...Object.keys(NEVER_DISTURBED)]);
    expect(effects.filter((call) => !known.has(call))).toEqual([]);
  });
});
