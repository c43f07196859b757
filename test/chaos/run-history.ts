import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

interface Moment {
  readonly at: number;
  readonly text: string;
}

/** A fault that ended so long before a run began has nothing to do with it, ms. */
const BEFORE_MS = 20_000;
const SMALL = ['cut-one', 'lose-reply', 'hiccup'];
const LONGEST_LINE = 260;

/** All that the evidence says of one run, in the order of time, with the larger faults of its time. */
export async function historyOf(runId: string, folder: string): Promise<string> {
  const moments = [
    ...(await trail(runId, folder)),
    ...(await prompts(runId, folder)),
    ...(await engineEvents(runId, folder)),
    ...(await logLines(runId, folder)),
  ];
  const [from, to] = [Math.min(...moments.map(({ at }) => at)), Math.max(...moments.map(({ at }) => at))];
  const all = [...moments, ...(await faults(folder, from - BEFORE_MS, to))].sort((a, b) => a.at - b.at);
  const lines = all.map(({ at, text }) => `  ${new Date(at).toISOString().slice(11)} ${text.slice(0, LONGEST_LINE)}`);
  return [`run ${runId}`, ...lines].join('\n');
}

async function trail(runId: string, folder: string): Promise<Moment[]> {
  interface Row extends Record<'run_id' | 'at' | 'status' | 'phase', string> {
    readonly epoch: number;
    readonly owner: string | null;
    readonly error_code: string | null;
  }
  const rows = await linesOf<Row>(join(folder, 'tables/chaos_run_trail.jsonl'), runId);
  return rows.map(({ at, status, phase, epoch, owner, error_code }) => ({
    at: Date.parse(at),
    text: `row: ${status}, ${phase}, epoch ${epoch}, owner ${owner ?? 'none'}${error_code === null ? '' : `, ${error_code}`}`,
  }));
}

async function prompts(runId: string, folder: string): Promise<Moment[]> {
  const rows = await linesOf<{ at: string; requestId: string }>(join(folder, 'prompts.jsonl'), runId);
  return rows.map(({ at, requestId }) => ({ at: Date.parse(at), text: `agent: received ${requestId}` }));
}

async function engineEvents(runId: string, folder: string): Promise<Moment[]> {
  interface Event {
    readonly Type: string;
    readonly Action: string;
    readonly timeNano: number;
    readonly Actor: { readonly Attributes: Readonly<Record<string, string>> };
  }
  const events = await linesOf<Event>(join(folder, 'engine-events.jsonl'), runId);
  return events.map(({ Type, Action, timeNano, Actor }) => ({
    at: timeNano / 1e6,
    text: `engine: ${Type} ${Action} ${Actor.Attributes['name'] ?? ''} ${Actor.Attributes['exitCode'] ?? ''}`,
  }));
}

async function logLines(runId: string, folder: string): Promise<Moment[]> {
  const logs = await readdir(join(folder, 'logs'));
  const each = logs.map(async (name) => {
    const lines = await linesOf<Record<string, unknown>>(join(folder, 'logs', name), runId);
    return lines.map(({ time, level, msg, from, to, status, error }) => ({
      at: Date.parse(String(time)),
      text: `${name.replace('.log', '')}: ${JSON.stringify({ level, msg, from, to, status, error })}`,
    }));
  });
  return (await Promise.all(each)).flat();
}

async function faults(folder: string, from: number, to: number): Promise<Moment[]> {
  interface Entry {
    readonly at: string;
    readonly endedAt: string;
    readonly kind: string;
    readonly target: string;
    readonly detail: string;
  }
  const all = await linesOf<Entry>(join(folder, 'faults.jsonl'), '');
  return all
    .filter(({ at, endedAt, kind }) => Date.parse(endedAt) >= from && Date.parse(at) <= to && !SMALL.includes(kind))
    .map(({ at, endedAt, kind, target, detail }) => ({
      at: Date.parse(at),
      text: `fault: ${kind} of ${target}, ${detail}, until ${endedAt.slice(11)}`,
    }));
}

/** Lines that name something. What is no JSON (a log's stray line) is passed over: this is for people to read. */
async function linesOf<T>(file: string, words: string): Promise<T[]> {
  const found: T[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (!line.startsWith('{') || !line.includes(words)) continue;
    found.push(JSON.parse(line) as T);
  }
  return found;
}
