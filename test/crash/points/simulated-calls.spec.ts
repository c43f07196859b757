import type { TimeSource } from '@crewtab/domain/ports/clock';
import { PORT_POINTS } from '@crewtab/failpoints/port-points';
import { CALLS } from '../../simulation/plan-call-faults';

/** As the simulator calls the ports that a worker and a scheduler work with. */
const PORTS = {
  'run-store': 'store',
  'host-store': 'store',
  'fire-store': 'fires',
  'delegation-store': 'delegations',
  runtime: 'runtime',
  'agent-channel': 'channel',
  'run-queue': 'queue',
  'job-schedulers': 'jobSchedulers',
  'tool-server': 'toolServer',
  'egress-proxy': 'egressProxy',
  'artifact-store': 'artifacts',
} as const;
/** No process crashes at it, so it has no points; it can fail and hang like every question to the database. */
const TIME: Readonly<Record<keyof TimeSource, string>> = { now: 'store.now' };
/** Calls of these ports that are no methods of theirs. */
const ITERATED = ['channel.read'];

const NEVER_DISTURBED: Readonly<Record<string, string>> = {
  'store.onRunChanged': 'for live views over HTTP, which are not played',
  'store.decommission': 'of an administrator, and not played',
  'store.readSystem': 'of an administrator, and not played',
  'store.readPromptRecord':
    'only reads, and only for templates, which the simulated schedules do not have; the orchestrator asks again until it is answered',
  'store.noteRepository': 'only for repositories, which the simulated teams do not have',
  'store.beginPush': 'only for repositories',
  'store.endPush': 'only for repositories',
  'runtime.identify': 'asked before a worker is made of its parts; without an answer there is none',
  'runtime.watch':
    'answers at once, and repairs itself: what can go wrong with it is a hint that is lost, as in an outage of the engine',
  'runtime.workspacePath': 'answers at once, without the engine',
  'runtime.toolsPath': 'answers at once, without the engine',
  'runtime.close': 'releases what dies with the process anyway',
  'egressProxy.openAside': 'only for repositories, which the simulated teams do not have',
  'artifacts.open': 'for readers over HTTP, which are not played',
  'artifacts.removeRun': 'of the retention, which is not played',
  'channel.close': 'releases what dies with the process anyway',
};

describe('the plan of a history', () => {
  const methods = [
    ...Object.entries(PORTS).flatMap(([port, name]) =>
      Object.keys(PORT_POINTS[port as keyof typeof PORTS]).map((member) => `${name}.${member}`),
    ),
    ...Object.values(TIME),
  ];

  it('disturbs every call, also those that only read or listen, or says why not', () => {
    const known = new Set([...Object.keys(CALLS), ...Object.keys(NEVER_DISTURBED)]);
    expect(methods.filter((call) => !known.has(call))).toEqual([]);
  });

  it('disturbs nothing else, and excuses nothing that it disturbs', () => {
    expect(Object.keys(CALLS).filter((call) => ![...methods, ...ITERATED].includes(call))).toEqual([]);
    expect(Object.keys(NEVER_DISTURBED).filter((call) => !methods.includes(call) || call in CALLS)).toEqual([]);
  });
});
