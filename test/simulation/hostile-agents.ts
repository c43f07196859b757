import type { ErrorCode } from '@crewtab/domain/errors';
import type { FakeAgentIo } from '../fakes/runtime/fake-agent';
import type { AgentConduct, HostileConduct } from './history-plan';
import { SIMULATED_LIMITS } from './simulated-limits';

/** What a hostile agent has of the world around it. */
export interface HostileReach {
  readonly io: FakeAgentIo;
  /** Empty unless it has the team's tools. */
  readonly teammates: readonly string[];
  delegate(call: { readonly id: string; readonly to: string; readonly task: string }): void;
  connect(host: string): void;
  fillDisk(bytes: number): void;
}

interface Hostility {
  /** With one of them its run fails, unless something else ends it before; none where no limit is passed. */
  readonly codes: readonly ErrorCode[];
  do(reach: HostileReach): void;
}

const { longestLineBytes, outputLimit, messageLimit, diskBytes, json } = SIMULATED_LIMITS;
/** More than may be open. */
const TASKS = 100;
const HOSTS = 100;
const FLOOD_EVERY_MS = 100;

const HOSTILITIES: Readonly<Record<HostileConduct, Hostility>> = {
  writesLongLine: {
    codes: ['line_limit'],
    do: ({ io }) => io.emit('x'.repeat(longestLineBytes + 1)),
  },
  writesLargeBatch: {
    codes: ['batch_limit'],
    do: ({ io }) => io.emit(`[${'{},'.repeat(json.batchEntries)}{}]`),
  },
  writesDeepJson: {
    codes: ['json_limit'],
    do: ({ io }) => io.emit(`{"a":${'['.repeat(json.depth)}${']'.repeat(json.depth)}}`),
  },
  writesManyMessages: {
    codes: ['message_limit'],
    do: ({ io }) => {
      for (let count = 0; count <= messageLimit; count++) io.emit('{}');
    },
  },
  writesMuch: {
    codes: ['output_limit'],
    do: ({ io }) => {
      for (let chars = 0; chars <= outputLimit; chars += longestLineBytes)
        io.emit('x'.repeat(longestLineBytes), 'stderr');
    },
  },
  writesWithoutEnd: {
    codes: ['message_limit', 'output_limit'],
    do: ({ io }) => {
      const write = (): void => {
        io.emit('{"jsonrpc":"2.0","method":"noise"}');
        io.after(FLOOD_EVERY_MS, write);
      };
      write();
    },
  },
  fillsDisk: {
    codes: ['disk_limit'],
    do: ({ fillDisk }) => fillDisk(diskBytes + 1),
  },
  // A task of each is refused to the caller from some number on, and the others count as output and as messages.
  delegatesLargeTasks: {
    codes: ['output_limit', 'message_limit'],
    do: (reach) => delegateAll(reach, 2_000),
  },
  delegatesManyTasks: {
    codes: ['output_limit', 'message_limit'],
    do: (reach) => delegateAll(reach, 10),
  },
  asksForManyHosts: {
    codes: [],
    do: ({ connect }) => {
      for (let count = 0; count < HOSTS; count++) connect(`host-${count}.example.com`);
    },
  },
};

/** @returns the codes of which one must end its run */
export function strike(conduct: HostileConduct, reach: HostileReach): readonly ErrorCode[] {
  HOSTILITIES[conduct].do(reach);
  return HOSTILITIES[conduct].codes;
}

export function isHostile(conduct: AgentConduct): conduct is HostileConduct {
  return conduct in HOSTILITIES;
}

function delegateAll({ teammates, delegate }: HostileReach, chars: number): void {
  for (let count = 0; count < TASKS; count++) {
    const to = teammates[count % teammates.length];
    // In words of its own: the same again would join the one under way.
    if (to !== undefined) delegate({ id: `hostile/${count}`, to, task: `${count}`.padEnd(chars, 'x') });
  }
}

/** Answers to what it was not asked yet, as one that guesses the ids of requests would write them. */
export const UNASKED_ANSWERS: readonly object[] = [
  ...[1, 2, 3, 4].map((id) => ({ id, result: { stopReason: 'end_turn' } })),
  { id: 3, error: { code: -32603, message: 'not yet' } },
  { id: 'permission', result: { outcome: { outcome: 'cancelled' } } },
  { id: 3, method: 'session/prompt', params: { sessionId: 's', prompt: [] } },
];
