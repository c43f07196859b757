import { beforeEach, expect, it, vi } from 'vitest';
import type { EventSignal } from './event-stream';
import type { TabMessage } from './event-stream';

const calls: string[] = [];
let tell: (signal: EventSignal) => void;
vi.mock('./event-stream', () => ({
  EventStream: class {
    constructor(listener: (signal: EventSignal) => void) {
      tell = listener;
    }
    open = () => calls.push('open');
    close = () => calls.push('close');
  },
}));

let connect: (event: unknown) => void;

beforeEach(async () => {
  calls.length = 0;
  vi.resetModules();
  vi.stubGlobal('addEventListener', (_: string, listener: typeof connect) => (connect = listener));
  await import('./event-worker');
});

function openTab() {
  const heard: EventSignal[] = [];
  const port = {
    postMessage: (signal: EventSignal) => heard.push(signal),
    onmessage: (_: { readonly data: TabMessage }): void => undefined,
  };
  connect({ ports: [port] });
  return { heard, say: (data: TabMessage) => port.onmessage({ data }) };
}

it('tells every tab that has joined, and one that joins later how the connection stands', () => {
  const [one, other] = [openTab(), openTab()];
  one.say('join');
  tell({ kind: 'live' });
  other.say('join');
  tell({ kind: 'run', runId: 'r' });
  one.say('leave');
  tell({ kind: 'all' });
  expect(one.heard).toEqual([{ kind: 'live' }, { kind: 'run', runId: 'r' }]);
  expect(other.heard).toEqual([{ kind: 'live' }, { kind: 'run', runId: 'r' }, { kind: 'all' }]);
});

it('closes the connection with the last tab that leaves', () => {
  const [one, other] = [openTab(), openTab()];
  one.say('join');
  other.say('join');
  one.say('leave');
  expect(calls).not.toContain('close');
  other.say('leave');
  expect(calls.at(-1)).toBe('close');
});
