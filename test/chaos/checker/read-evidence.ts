import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { attributePrompts } from './attribute-prompts';
import type { Evidence } from './evidence';
import {
  delegationRow,
  deploymentRow,
  engineEventLine,
  engineLeftFile,
  faultLine,
  healedFile,
  messageRow,
  permitRow,
  promptLine,
  requestLine,
  runEventRow,
  runRow,
  runTrailRow,
  scheduleRow,
} from './evidence-schemas';

/**
 * Reads an evidence folder (README.md beside this file lists its files). A file that is absent or a line that cannot be
 * read throws, with file and line number: half of the evidence proves nothing.
 */
export async function readEvidence(folder: string): Promise<Evidence> {
  const table = (name: string): string => join(folder, 'tables', `${name}.jsonl`);
  const requests = await readLines(join(folder, 'requests.jsonl'), requestLine);
  const engineEvents = (await readLines(join(folder, 'engine-events.jsonl'), engineEventLine)).sort(byInstant);
  return {
    prompts: attributePrompts(await readLines(join(folder, 'prompts.jsonl'), promptLine), engineEvents),
    engineEvents,
    faults: await readLines(join(folder, 'faults.jsonl'), faultLine),
    requests: requests.sort(byInstant),
    healed: await readJson(join(folder, 'healed.json'), healedFile),
    engineLeft: await readJson(join(folder, 'engine-left.json'), engineLeftFile),
    tables: {
      schedules: await readLines(table('schedules'), scheduleRow),
      runs: await readLines(table('schedule_runs'), runRow),
      deployments: await readLines(table('deployments'), deploymentRow),
      messages: await readLines(table('messages'), messageRow),
      permits: await readLines(table('prompt_permits'), permitRow),
      delegations: await readLines(table('delegations'), delegationRow),
      runTrail: await readTrail(table('chaos_run_trail'), runTrailRow),
      runEvents: await readTrail(table('run_events'), runEventRow),
    },
  };
}

/** In the order in which it was written; null where there is none. */
async function readTrail<R extends { readonly id: number }>(path: string, schema: z.ZodType<R>): Promise<R[] | null> {
  if (!existsSync(path)) return null;
  return (await readLines(path, schema)).sort((a, b) => a.id - b.id);
}

function byInstant(a: { readonly at: number }, b: { readonly at: number }): number {
  return a.at - b.at;
}

async function readLines<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>[]> {
  const parsed: z.output<S>[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number++;
    if (line.trim() !== '') parsed.push(parse(schema, line, `${path}:${number}`));
  }
  return parsed;
}

async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  return parse(schema, await readFile(path, 'utf8'), path);
}

function parse<S extends z.ZodType>(schema: S, text: string, where: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${where}: no JSON: ${text.slice(0, 80)}`, { cause: error });
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new Error(`${where}: ${result.error.message}`);
  return result.data;
}
