import type { Message, Run } from '../../kit/client';
import { eventually } from '../../kit/wait-for';
import { leftoversOfRun } from './leftovers';
import { HEARD } from './prompt-counter';
import type { CrashCase } from './crash-case';
import type { Stand } from './stand';

/** On a host that is reachable, nothing of a terminal run is left for longer, ms. */
const CLEAN_WITHIN_MS = 30_000;

/**
 * Where the permit is taken and the last byte of the prompt not yet handed on: who takes over cannot tell whether it was,
 * and must not send it again. For a plain program the end of its input is the last of them.
 */
const UNDECIDABLE =
  /^(run-store\.permitPrompt:after|agent-channel\.write:before|docker\.stdin\.attach:(before|after)|(docker|process)\.stdin\.(write|end):before)$/;

/** A container's input ends with the connection to it; a process' input stays open until a worker ends it. */
const UNDECIDABLE_OF_PROCESSES = /^agent-channel\.endInput:before$/;

export interface Evidence {
  readonly crash: CrashCase;
  readonly stand: Stand;
  /** The run as it was when it was first seen finished. */
  readonly ended: Run;
  readonly phaseAtHit: string;
  /** Prompts that reached the agent. */
  readonly heard: number;
}

/** @throws Error that says everything that is not as it must be */
export async function judge({ crash, stand, ended, phaseAtHit, heard }: Evidence): Promise<void> {
  const { scenario, point } = crash;
  const run = await stand.api.run(ended.id);
  const messages = await stand.api.messages(run.id);
  const outcome = run.error ? `${run.status}/${run.error.code}` : run.status;
  const isUndecidable =
    UNDECIDABLE.test(point) || (scenario.place === 'process' && UNDECIDABLE_OF_PROCESSES.test(point));
  const mayBeUnconfirmed = isUndecidable && (phaseAtHit === 'prompting' || phaseAtHit === 'deploying');
  const isUnconfirmed = mayBeUnconfirmed && outcome === 'failed/delivery_unconfirmed';
  const answered = answersIn(messages);
  const seqs = messages.map(({ seq }) => seq);
  const left = await eventually(() => expectClean(run.id, stand), {
    timeoutMs: CLEAN_WITHIN_MS,
    intervalMs: 250,
  }).catch((error: unknown) => String(error));
  const problems = [
    !isUnconfirmed && !scenario.ends.test(outcome) && `it ends as ${String(scenario.ends)}, not as ${outcome}`,
    run.status !== ended.status && `its end as ${ended.status} stays, and does not become ${run.status}`,
    run.teardown === null && 'it has the receipt of a verified teardown',
    heard > 1 && `one prompt at most reaches the agent, not ${heard}`,
    !isUnconfirmed && answered !== scenario.prompts && `the agent answers ${scenario.prompts} prompts, not ${answered}`,
    seqs.some((seq, at) => seq !== at + 1) && `messages have neither gap nor double: ${seqs.join(' ')}`,
    messages.filter(({ kind }) => kind === 'prompt').length > 1 && 'the conversation has one prompt at most',
    typeof left === 'string' && left,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw new Error(`expected that ${problems.join('; that ')}`);
}

function answersIn(messages: readonly Message[]): number {
  const said = messages.filter(({ kind }) => kind === 'agent_message').map(({ content }) => content.text ?? '');
  return said.join('').split(HEARD).length - 1;
}

async function expectClean(runId: string, { cell }: Stand): Promise<true> {
  const left = await leftoversOfRun(runId, cell.dataDir);
  if (left.length > 0) throw new Error(`nothing is left of it: ${left.join(', ')}`);
  return true;
}
