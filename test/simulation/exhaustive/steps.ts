import { isConcluded, isTerminal } from '@crewtab/domain/runs/run';
import { askDecide, askDecideLoss } from './ask-decide';
import { answerOf, beliefOf, isRefused, loaded } from './store-calls';
import type { Box, Edge, Model, Pending, Row, Rules, Scope, Worker } from './model';

/** Every step that any process can take from here. */
export function stepsFrom(model: Model, rules: Scope): Edge[] {
  const edges = worldSteps(model, rules);
  const seen = new Set<Worker | null>();
  for (const [index, worker] of model.workers.entries()) {
    // Two workers in the same state take the same steps.
    if (seen.has(worker)) continue;
    seen.add(worker);
    edges.push(...(worker ? workerSteps(model, index, worker, rules) : idleSteps(model, index, rules)));
  }
  return edges;
}

function step(what: string, to: Model, breaks: string | null = null): Edge {
  return { what, to, breaks };
}

function worldSteps(model: Model, rules: Scope): Edge[] {
  const { row, box } = model;
  const edges: Edge[] = [];
  const isAtWork = row.phase !== 'queued' && !isConcluded(row.phase);
  const isCollecting = row.phase === 'collecting';
  if (row.isLeased) edges.push(step('the lease runs out', { ...model, row: { ...row, isLeased: false } }));
  if ((isAtWork || isCollecting) && !model.isDeadlinePast)
    edges.push(step('the deadline passes', { ...model, isDeadlinePast: true }));
  if (!row.isCancelRequested && (isAtWork || row.phase === 'queued')) edges.push(cancel(model, rules));
  if (row.phase === 'tearing_down' && row.hasFailedAttempt && !model.isTeardownOverdue)
    edges.push(step('the limit of the teardown ends', { ...model, isTeardownOverdue: true }));
  if (isCollecting && !model.isCollectOverdue)
    edges.push(step('the limit of the collecting ends', { ...model, isCollectOverdue: true }));
  // The agent of a run that is over is not looked at.
  if (box.status === 'up' && row.outcome === null) edges.push(...boxSteps(model));
  if (model.isCreateUnderWay) edges.push(step('a late create arrives', { ...created(model), isCreateUnderWay: false }));
  if (model.isPromptUnderWay)
    edges.push(step('a late prompt arrives', { ...prompted(model), isPromptUnderWay: false }));
  if (model.isProgramUnderWay)
    edges.push(step('a late program arrives', { ...model, hasProgram: true, isProgramUnderWay: false }));
  if (rules.reaps && row.phase === 'finished' && (box.status !== 'none' || model.hasProgram))
    edges.push(step('the reaper removes leftovers', emptied(model)));
  if (model.isRemovalUnderWay)
    edges.push(step('a late removal arrives', { ...emptied(model), isRemovalUnderWay: false }));
  return [...edges, ...losses(model, rules)];
}

/**
 * The watch of the schedulers ends a run whose worker does not come back, whatever that worker still does: there is a newer
 * epoch and no claim, and what is left to do is the teardown.
 */
function losses(model: Model, scope: Scope): Edge[] {
  const { row } = model;
  if (row.phase === 'queued' || row.phase === 'finished' || isTerminal(row.status)) return [];
  return [...askDecideLoss(model)].map((outcome) => {
    const permit = row.permit === 'none' ? ('none' as const) : ('older' as const);
    const ended: Row = { ...row, phase: 'tearing_down', status: outcome, outcome, isLeased: false, permit };
    const others = scope.watchRaisesEpoch ? shutOut(model, scope) : model;
    return step(`the watch ends the run: ${outcome}`, { ...others, row: ended }, brokenBy(model, ended));
  });
}

/** Nothing is left; bytes that were on their way to that very container reach no reader any more. */
function emptied(model: Model): Model {
  const workers = model.workers.map((worker): Worker | null =>
    worker?.write === 'writing' ? { ...worker, write: 'failed' } : worker,
  );
  return { ...model, box: { status: 'none', turn: 'none' }, hasProgram: false, isPromptUnderWay: false, workers };
}

/** Queued and unclaimed it is over at once, and a claim that ran out is shut out; otherwise its owner will see. */
function cancel(model: Model, scope: Scope): Edge {
  const { row } = model;
  if (row.status !== 'queued' || row.isLeased)
    return step('a person cancels', { ...model, row: { ...row, isCancelRequested: true } });
  const over = {
    ...row,
    isCancelRequested: true,
    status: 'cancelled',
    phase: 'finished',
    outcome: 'cancelled',
  } as const;
  return step('a person cancels the queued run', { ...shutOut(model, scope), row: over });
}

/** There is a newer epoch: the worker that had it is stale from now on. */
function shutOut(model: Model, { foldsStaleWorkers }: Scope): Model {
  if (!foldsStaleWorkers)
    return { ...model, workers: model.workers.map((worker) => worker && { ...worker, isCurrent: false }) };
  const busy = model.workers.filter((worker) => worker !== null);
  const mayCreate = ({ deploy, belief }: Worker): boolean =>
    deploy === 'under_way' || (deploy === 'not_asked' && belief.phase === 'deploying');
  return {
    ...model,
    isCreateUnderWay: model.isCreateUnderWay || busy.some(mayCreate),
    isProgramUnderWay: model.isProgramUnderWay || busy.some(mayVerify),
    isPromptUnderWay: model.isPromptUnderWay || busy.some(({ write }) => write === 'writing'),
    isRemovalUnderWay: model.isRemovalUnderWay || busy.some(({ belief }) => belief.phase === 'tearing_down'),
    workers: model.workers.map(() => null),
  };
}

function mayVerify({ verify, belief }: Worker): boolean {
  return verify === 'under_way' || (verify === 'not_asked' && belief.phase === 'verifying');
}

/** The agents end, whoever stops them. */
function stopped(model: Model): Model {
  return model.box.status === 'up' ? { ...model, box: { ...model.box, status: 'dead' } } : model;
}

function boxSteps(model: Model): Edge[] {
  const { box } = model;
  const next = ({ none: null, got: 'working', working: 'done', done: null } as const)[box.turn];
  const edges = [step('the agent dies', { ...model, box: { ...box, status: 'dead' } })];
  if (next) edges.push(step(`the agent is ${next}`, { ...model, box: { ...box, turn: next } }));
  return edges;
}

function created(model: Model): Model {
  return model.box.status === 'none' ? { ...model, box: { status: 'up', turn: 'none' } } : model;
}

/** Bytes that reach a living agent. */
function prompted(model: Model): Model {
  if (model.box.status !== 'up') return model;
  const turn = model.box.turn === 'none' ? 'got' : model.box.turn;
  return { ...model, box: { ...model.box, turn }, prompts: model.prompts === 0 ? 1 : 2 };
}

function withWorker(model: Model, index: number, worker: Worker | null): Model {
  return { ...model, workers: model.workers.map((other, at) => (at === index ? worker : other)) };
}

function idleSteps(model: Model, index: number, scope: Scope): Edge[] {
  const { row } = model;
  if (row.isLeased || row.phase === 'finished') return [];
  const claimed = { ...row, isLeased: true, permit: row.permit === 'none' ? ('none' as const) : ('older' as const) };
  const others = { ...shutOut(model, scope), row: claimed };
  const belief = beliefOf(claimed);
  const isConnected = row.phase === 'prompting' || row.phase === 'monitoring';
  const worker: Worker = {
    isCurrent: true,
    belief,
    deploy: 'not_asked',
    isConnected,
    seen: null,
    isEnded: false,
    write: scope.knowsEarlierPermit && belief.prompt === 'permitted' ? 'not_ours' : 'idle',
    isEvidenceOver: false,
    isBackingOff: false,
    verify: 'not_asked',
    collect: 'not_asked',
    pending: null,
  };
  return [
    step(
      row.phase === 'queued' ? 'a worker claims the run' : 'a worker adopts the run',
      withWorker(others, index, worker),
    ),
  ];
}

function workerSteps(model: Model, index: number, worker: Worker, rules: Rules): Edge[] {
  const to = (patch: Partial<Worker>): Model => withWorker(model, index, { ...worker, ...patch });
  const edges = crashes(model, index, worker, rules);
  if (worker.isCurrent && model.row.isCancelRequested && !worker.belief.isCancelRequested)
    edges.push(step('a worker hears of the cancel', to({ belief: { ...worker.belief, isCancelRequested: true } })));
  if (worker.write === 'not_ours' && !worker.isEvidenceOver)
    edges.push(step('the time for evidence ends', to({ isEvidenceOver: true })));
  if (worker.isBackingOff) edges.push(step('the pause before the next teardown ends', to({ isBackingOff: false })));
  edges.push(...readings(model, index, worker), ...creations(model, index, worker), ...writings(model, index, worker));
  edges.push(...verifications(model, index, worker), ...collections(model, index, worker));
  if (worker.pending) edges.push(...executions(model, index, worker, worker.pending, rules));
  else edges.push(...decisions(model, index, worker));
  return edges;
}

/** What was under way may still arrive, or never. */
function crashes(model: Model, index: number, worker: Worker, rules: Rules): Edge[] {
  const dead = withWorker(model, index, null);
  const edges = [step('a worker dies', dead)];
  if (worker.deploy === 'under_way')
    edges.push(step('a worker dies while it creates', { ...dead, isCreateUnderWay: true }));
  if (worker.write === 'writing')
    edges.push(step('a worker dies while it prompts', { ...dead, isPromptUnderWay: true }));
  if (worker.verify === 'under_way')
    edges.push(step('a worker dies while it verifies', { ...dead, isProgramUnderWay: true }));
  for (const after of worker.pending ? effects(model, worker, worker.pending, rules) : [])
    edges.push(step(`a worker dies after: ${after.what}`, withWorker(after.to, index, null), after.breaks));
  return edges;
}

/** It reads the agent's output and stores it; only then it acts upon it. A stale worker is refused and stops. */
function readings(model: Model, index: number, worker: Worker): Edge[] {
  const { box, row } = model;
  const isReading = worker.belief.phase !== 'verifying' && !isConcluded(worker.belief.phase);
  if (!worker.isConnected || worker.isEnded || !isReading) return [];
  if (worker.seen?.status === box.status && worker.seen.turn === box.turn) return [];
  if (!worker.isCurrent)
    return [step('a stale worker is refused to store what it read', withWorker(model, index, null))];
  const isVanished = box.status === 'none';
  const seen: Box = isVanished ? { status: 'none', turn: worker.seen?.turn ?? 'none' } : box;
  const reader: Worker = { ...worker, seen, isEnded: box.status !== 'up' };
  const isAnswerStored = row.isAnswerStored || seen.turn === 'done';
  return [step('a worker reads', withWorker({ ...model, row: { ...row, isAnswerStored } }, index, reader))];
}

function creations(model: Model, index: number, worker: Worker): Edge[] {
  if (worker.deploy !== 'under_way') return [];
  const started: Worker = { ...worker, deploy: 'started', isConnected: true };
  return [
    step('the container is there', withWorker(created(model), index, started)),
    step('the container cannot be made', withWorker(model, index, { ...worker, deploy: 'failed' })),
  ];
}

/** Stops the agents, and what another worker has left at work; then its own program runs to its end, or to the worker's. */
function verifications(model: Model, index: number, worker: Worker): Edge[] {
  if (worker.verify !== 'under_way') return [];
  const begun = step('the program is there', { ...stopped(model), hasProgram: true });
  const ended = (verify: 'passed' | 'failed'): Edge =>
    step(
      `the work is verified: ${verify}`,
      withWorker({ ...stopped(model), hasProgram: false }, index, { ...worker, verify }),
    );
  return [...(model.hasProgram ? [] : [begun]), ended('passed'), ended('failed')];
}

function collections(model: Model, index: number, worker: Worker): Edge[] {
  if (worker.collect !== 'under_way') return [];
  return [step('what was left is kept', withWorker(stopped(model), index, { ...worker, collect: 'done' }))];
}

function writings(model: Model, index: number, worker: Worker): Edge[] {
  if (worker.write !== 'writing') return [];
  const failed: Worker = { ...worker, write: 'failed' };
  const edges = [step('the prompt cannot be written', withWorker(model, index, failed))];
  if (model.box.status !== 'up') return edges;
  return [
    ...edges,
    step('the prompt is written', withWorker(prompted(model), index, { ...worker, write: 'written' })),
    step('the prompt is written, the answer lost', withWorker(prompted(model), index, failed)),
  ];
}

function decisions(model: Model, index: number, worker: Worker): Edge[] {
  const decision = askDecide(worker, model);
  const intend = (pending: Pending): Edge[] => [
    step(`a worker decides: ${decision.kind}`, withWorker(model, index, { ...worker, pending })),
  ];
  switch (decision.kind) {
    case 'wait':
      return [];
    case 'done':
      return [step('a worker is done', withWorker(model, index, null))];
    case 'deploy':
      return [step('a worker deploys', withWorker(model, index, { ...worker, deploy: 'under_way' }))];
    case 'prompt':
      return intend({ call: 'permit' });
    case 'verify':
      return [step('a worker verifies', withWorker(model, index, { ...worker, verify: 'under_way' }))];
    case 'collect': {
      const released = worker.verify === 'under_way' ? 'failed' : worker.verify;
      return [
        step('a worker collects', withWorker(model, index, { ...worker, verify: released, collect: 'under_way' })),
      ];
    }
    case 'conclude': {
      const { status, verification } = decision.outcome;
      return intend({ call: 'conclude', outcome: status, isVerified: verification?.status === 'passed' });
    }
    case 'tear_down':
      // Releases the team first, and waits for its own calls to the engine.
      if (worker.deploy === 'under_way') return [];
      if (worker.verify === 'under_way' || worker.collect === 'under_way')
        return [
          step(
            'a worker calls off what it began',
            withWorker(model, index, { ...worker, verify: 'failed', collect: 'done' }),
          ),
        ];
      return intend({ call: 'remove' });
    case 'push':
      // No run of the model pushes.
      return [];
    default:
      return intend({ call: decision.kind });
  }
}

interface Effect {
  readonly what: string;
  readonly to: Model;
  readonly worker: Worker;
  readonly breaks: string | null;
}

/** A call that was decided takes effect and is answered, or its answer is lost, or it fails; then the worker looks again. */
function executions(model: Model, index: number, worker: Worker, pending: Pending, rules: Rules): Edge[] {
  const isRemoval = pending.call === 'remove';
  if (!isRemoval && isRefused(worker, rules))
    return [step(`a stale worker is refused: ${pending.call}`, withWorker(model, index, null))];
  const edges: Edge[] = [];
  const idle: Worker = { ...worker, pending: null };
  for (const { what, to, worker: after, breaks } of effects(model, worker, pending, rules)) {
    edges.push(step(what, withWorker(to, index, after), breaks));
    if (!isRemoval) edges.push(step(`${what}, the answer lost`, withWorker(to, index, loaded(to, idle)), breaks));
  }
  if (!isRemoval) edges.push(step(`no answer: ${pending.call}`, withWorker(model, index, loaded(model, idle))));
  return edges;
}

function effects(model: Model, worker: Worker, pending: Pending, rules: Rules): Effect[] {
  if (pending.call === 'remove') return removals(model, worker, rules);
  if (isRefused(worker, rules)) return [];
  const { row, worker: after } = answerOf(model.row, worker, pending, rules);
  return [{ what: pending.call, to: { ...model, row }, worker: after, breaks: brokenBy(model, row) }];
}

function removals(model: Model, worker: Worker, rules: Rules): Effect[] {
  const { row } = model;
  const isOver = row.phase === 'tearing_down' || row.phase === 'finished';
  const breaks = isOver ? null : `removes the team of a run that is ${row.phase}`;
  const gone: Effect = {
    what: 'everything is removed',
    to: emptied(model),
    worker: { ...worker, write: worker.write === 'writing' ? 'failed' : worker.write, pending: { call: 'finish' } },
    breaks,
  };
  if (model.box.status === 'none' && !model.hasProgram) return [gone];
  const call = rules.verifiesRemoval ? 'note_failure' : 'finish';
  return [gone, { what: 'something resists', to: model, worker: { ...worker, pending: { call } }, breaks }];
}

function brokenBy({ row: before, prompts, box }: Model, after: Row): string | null {
  if (isTerminal(before.status) && before.status !== after.status) return `${before.status} becomes ${after.status}`;
  if (after.status === 'success' && prompts !== 1) return `success with ${prompts} prompts`;
  if (after.status === 'success' && !after.isAnswerStored) return 'success without a stored answer';
  if (after.status === 'success' && after.hasFinishedWork && !after.isVerified) return 'success without verification';
  if (after.phase === 'finished' && before.phase !== 'finished' && box.status !== 'none' && box.turn !== 'none')
    return 'finished, and the prompted agent is still there';
  return null;
}
