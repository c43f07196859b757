import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import type { ExportFormat } from '@crewtab/api-contract/run-routes';
import type { ListedMessage } from '@crewtab/domain/runs/message';
import type { ShownRun } from '@crewtab/domain/runs/run';
import type { Usage, UsagePart } from '@crewtab/domain/runs/usage';
import type { HttpDeps } from '../http-deps';
import { toMessageView, toRunView } from './run-view';

/** Messages that are held in memory at a time; their bytes are limited by the store. */
const PAGE = 100;

interface RunFile {
  readonly organizationId: string;
  readonly run: ShownRun;
  readonly format: ExportFormat;
}

const FORMATS = {
  json: { type: 'application/json; charset=utf-8', ending: 'json', write: writeJson },
  markdown: { type: 'text/markdown; charset=utf-8', ending: 'md', write: writeMarkdown },
} as const;

/**
 * Sends a run with its conversation as a file, page by page as fast as the client takes it. Once the first byte is out a failure
 * breaks the connection off, which a client sees as a file that is not whole.
 */
export async function sendRunFile(
  deps: Pick<HttpDeps, 'runs'>,
  { organizationId, run, format }: RunFile,
  response: Response,
): Promise<void> {
  const { type, ending, write } = FORMATS[format];
  response.status(200).set({
    'Content-Type': type,
    'Content-Disposition': `attachment; filename="run-${run.id.slice(-6)}.${ending}"`,
  });
  const chunks = write(run, readMessages(deps, organizationId, run.id));
  try {
    await pipeline(Readable.from(chunks), response);
  } catch (error) {
    // The client went away.
    if (!response.destroyed) throw error;
  }
}

async function* readMessages(
  { runs }: Pick<HttpDeps, 'runs'>,
  organizationId: string,
  runId: string,
): AsyncGenerator<ListedMessage> {
  let after = 0;
  for (let hasMore = true; hasMore;) {
    const page = await runs.listMessages(organizationId, runId, after, { limit: PAGE, contents: 'whole' });
    yield* page?.items ?? [];
    after = page?.items.at(-1)?.seq ?? after;
    hasMore = page?.hasMore ?? false;
  }
}

async function* writeJson(run: ShownRun, messages: AsyncIterable<ListedMessage>): AsyncGenerator<string> {
  yield `{"run":${JSON.stringify(toRunView(run))},"messages":[`;
  let separator = '\n';
  for await (const message of messages) {
    yield separator + JSON.stringify(toMessageView(message));
    separator = ',\n';
  }
  yield '\n]}\n';
}

async function* writeMarkdown(run: ShownRun, messages: AsyncIterable<ListedMessage>): AsyncGenerator<string> {
  const { id, plan, status, scheduledFor, startedAt, finishedAt, outcome, notRunReason, usage } = run;
  const error = outcome?.error ?? notRunReason;
  yield [
    `# ${plan.teamName}: ${status}`,
    '',
    `- run ${id}`,
    `- due ${scheduledFor.toISOString()}`,
    ...(startedAt ? [`- started ${startedAt.toISOString()}`] : []),
    ...(finishedAt ? [`- ended ${finishedAt.toISOString()}`] : []),
    ...(usage ? [`- ${wordsOfUsage(usage)}`] : []),
    ...(error ? [`- ${error.code}: ${error.message}`] : []),
    ...section('Prompt', fence(plan.prompt)),
    ...(outcome === null || outcome.result === null ? [] : section('Result', outcome.result)),
    ...section('Conversation', ''),
  ].join('\n');
  let speaker: string | undefined;
  for await (const { agent, kind, at, content } of messages) {
    const next = `${agent ?? 'Crewtab'} · ${kind}`;
    // Pieces of one text follow each other without a heading of their own.
    if (next !== speaker || kind !== 'agent_message') yield `\n\n### ${next} · ${at.toISOString()}\n\n`;
    speaker = next;
    const { text } = content;
    if (typeof text !== 'string') yield fence(JSON.stringify(content, null, 2));
    else yield kind === 'agent_message' ? text : fence(text);
  }
  yield '\n';
}

function wordsOfUsage({ inputTokens, outputTokens, cost, incomplete }: Usage): string {
  const atLeast = (part: UsagePart): string => (incomplete.includes(part) ? 'at least ' : '');
  const tokens =
    inputTokens === null ? 'tokens unknown' : `${atLeast('tokens')}${inputTokens} tokens in, ${outputTokens ?? 0} out`;
  return `used ${tokens}; ${cost ? `${atLeast('cost')}${cost.amount} ${cost.currency}` : 'cost unknown'}`;
}

function section(title: string, text: string): string[] {
  return ['', `## ${title}`, '', text];
}

/** A fence that no line of the text can end. */
function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const ticks = '`'.repeat(longest + 1);
  return `${ticks}\n${text}\n${ticks}`;
}
