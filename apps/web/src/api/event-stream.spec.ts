import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventStream, type EventSignal } from './event-stream';

const told: EventSignal[] = [];
const asked: (string | undefined)[] = [];
let answers: (() => Response)[];

beforeEach(() => {
  vi.useFakeTimers();
  told.length = asked.length = 0;
  vi.stubGlobal('fetch', (_: string, { headers, signal }: { headers: Record<string, string>; signal: AbortSignal }) => {
    asked.push(headers['last-event-id']);
    const answer = answers.shift();
    if (answer) return Promise.resolve(answer());
    // Hangs, as a server that has gone silent.
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const stream = new EventStream((signal) => told.push(signal));
afterEach(() => stream.close());

it('tells of runs, of what is unknown, and goes on behind the last event', async () => {
  answers = [() => new Response('id: 7\nevent: run\ndata: {"runId":"r"}\n\nid: 8\nevent: reset\ndata: {}\n\n')];
  stream.open();
  stream.open();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(told).toEqual([{ kind: 'live' }, { kind: 'run', runId: 'r' }, { kind: 'all' }]);
  expect(asked).toEqual([undefined, '8']);
});

it('breaks a silent connection off, and asks anew', async () => {
  answers = [];
  stream.open();
  await vi.advanceTimersByTimeAsync(41_000);
  expect(told).toEqual([{ kind: 'lost' }]);
  expect(asked).toHaveLength(2);
});

it('asks a server again that is starting, and closes itself when the session is over', async () => {
  answers = [() => new Response('{}', { status: 503 }), () => new Response('{}', { status: 401 })];
  stream.open();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(2);
  expect(told.at(-1)).toEqual({ kind: 'logged-out' });
  stream.open();
  expect(asked).toHaveLength(3);
});
