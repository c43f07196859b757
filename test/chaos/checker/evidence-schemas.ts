import { z } from 'zod';

/**
 * The lines of the evidence folder. A line that does not fit is an error: evidence that cannot be read must never look
 * like evidence of nothing.
 */
const instant = z.union([z.string(), z.number()]).transform((value, context) => {
  const at = new Date(value).getTime();
  if (Number.isNaN(at)) context.addIssue({ code: 'custom', message: `"${value}" is no instant` });
  return at;
});
const maybeInstant = z.union([instant, z.null()]);
const maybeText = z.union([z.string(), z.null()]);
const words = z.record(z.string(), z.string());
const someText = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'string' ? value : JSON.stringify(value ?? '')));

export const promptLine = z
  .object({
    at: instant,
    requestId: z.unknown().optional(),
    runId: maybeText.optional(),
    agent: maybeText.optional(),
    hostname: maybeText.optional(),
    text: z.string().optional(),
    prompt: z.string().optional(),
  })
  .transform(({ at, requestId, runId, agent, hostname, text, prompt }) => ({
    at,
    requestId: typeof requestId === 'string' ? requestId : null,
    runId: runId ?? runOfTurn(requestId),
    agent: agent ?? null,
    hostname: hostname ?? null,
    text: text ?? prompt ?? '',
  }));

function runOfTurn(requestId: unknown): string | null {
  return typeof requestId === 'string' ? (/^prompt:(.+)$/.exec(requestId)?.[1] ?? null) : null;
}

export const engineEventLine = z
  .object({
    Type: z.string(),
    Action: z.string(),
    Actor: z.object({ ID: z.string(), Attributes: words.nullish() }),
    time: z.number(),
    timeNano: z.number().optional(),
  })
  .transform((event) => ({
    at: event.timeNano === undefined ? event.time * 1_000 : event.timeNano / 1e6,
    kind: event.Type,
    action: event.Action,
    id: event.Actor.ID,
    name: event.Actor.Attributes?.['name'] ?? null,
    attributes: event.Actor.Attributes ?? {},
  }));

export const faultLine = z
  .object({
    at: instant,
    endedAt: maybeInstant.optional(),
    kind: z.string(),
    target: someText,
    detail: someText,
  })
  .transform((fault) => ({ ...fault, endedAt: fault.endedAt ?? fault.at }));

export const requestLine = z.object({
  at: instant,
  answeredAt: maybeInstant,
  method: z.string(),
  path: z.string(),
  body: z.unknown().optional(),
  idempotencyKey: maybeText.optional().transform((key) => key ?? null),
  status: z.number().nullable(),
  answer: z.unknown().optional(),
});

export const healedFile = z.object({
  startedAt: instant,
  healedAt: instant,
  convergedAt: maybeInstant,
  seed: z.coerce.string(),
  minutes: z.number(),
  installationId: z.string(),
  foreignResources: z.array(z.object({ kind: z.string(), name: z.string(), id: z.string() })),
  hosts: z.array(z.unknown()),
  workers: z.array(z.object({ name: z.string(), id: maybeText })),
});

const engineObject = z
  .object({ name: z.string(), id: z.string().optional(), labels: words.nullish(), kind: z.string().optional() })
  .transform(({ name, id, labels, kind }) => ({ name, id: id ?? name, labels: labels ?? {}, kind }));

/** Either one list of objects with their kind, or `{ containers, networks, volumes }`. */
export const engineLeftFile = z.union([
  z.array(engineObject).transform((all) => all.map((one) => ({ ...one, kind: one.kind ?? 'object' }))),
  z
    .object({
      containers: z.array(engineObject),
      networks: z.array(engineObject),
      volumes: z.array(engineObject),
    })
    .transform(({ containers, networks, volumes }) => [
      ...containers.map((one) => ({ ...one, kind: 'container' })),
      ...networks.map((one) => ({ ...one, kind: 'network' })),
      ...volumes.map((one) => ({ ...one, kind: 'volume' })),
    ]),
]);

export const scheduleRow = z
  .object({
    id: z.string(),
    name: z.string(),
    cron: z.string(),
    timezone: z.string(),
    enabled: z.boolean(),
    created_at: instant,
    deleted_at: maybeInstant,
  })
  .transform(({ created_at: createdAt, deleted_at: deletedAt, ...row }) => ({ ...row, createdAt, deletedAt }));

export const runRow = z
  .object({
    id: z.string(),
    schedule_id: z.string(),
    trigger: z.string(),
    scheduled_for: instant,
    request_key: maybeText,
    status: z.string(),
    phase: z.string(),
    queued_at: instant,
    prompt: z.string(),
    exclusive: z.boolean(),
    epoch: z.number(),
    owner: maybeText,
    agents: z.array(z.object({ name: z.string(), role: z.string(), protocol: z.string() })),
    started_at: maybeInstant,
    deadline_at: maybeInstant,
    finished_at: maybeInstant,
    cancel_requested_at: maybeInstant,
    result: maybeText,
    error_code: maybeText,
    error_message: maybeText,
    last_seq: z.number(),
  })
  .transform((row) => ({
    id: row.id,
    scheduleId: row.schedule_id,
    trigger: row.trigger,
    scheduledFor: row.scheduled_for,
    requestKey: row.request_key,
    status: row.status,
    phase: row.phase,
    queuedAt: row.queued_at,
    prompt: row.prompt,
    exclusive: row.exclusive,
    epoch: row.epoch,
    owner: row.owner,
    agents: row.agents,
    startedAt: row.started_at,
    deadlineAt: row.deadline_at,
    finishedAt: row.finished_at,
    cancelRequestedAt: row.cancel_requested_at,
    result: row.result,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    lastSeq: row.last_seq,
  }));

export const deploymentRow = z
  .object({ run_id: z.string(), name: z.string() })
  .transform(({ run_id: runId, name }) => ({ runId, name }));

export const messageRow = z
  .object({
    run_id: z.string(),
    seq: z.number(),
    agent: maybeText,
    kind: z.string(),
    content: z.object({ text: z.unknown().optional() }),
  })
  .transform(({ run_id: runId, content, ...row }) => ({
    ...row,
    runId,
    text: typeof content.text === 'string' ? content.text : null,
  }));

export const permitRow = z
  .object({ run_id: z.string(), epoch: z.number(), sent_at: maybeInstant })
  .transform(({ run_id: runId, epoch, sent_at: sentAt }) => ({ runId, epoch, sentAt }));

export const runTrailRow = z
  .object({
    id: z.coerce.number(),
    at: instant,
    run_id: z.string(),
    status: z.string(),
    phase: z.string(),
    epoch: z.number(),
    owner: maybeText,
  })
  .transform(({ run_id: runId, ...row }) => ({ ...row, runId }));

const runState = z
  .object({ status: z.string(), phase: z.string() })
  .transform(({ status, phase }) => `${status} (${phase})`);

export const runEventRow = z
  .object({
    id: z.coerce.number(),
    run_id: z.string(),
    type: z.string(),
    data: z.object({
      epoch: z.number(),
      from: runState.optional(),
      to: runState.optional(),
      fromOwner: maybeText.optional(),
      toOwner: z.string().optional(),
    }),
    position: z.union([z.null(), z.coerce.number()]),
  })
  .transform(({ id, run_id: runId, type, data, position }) => ({
    id,
    runId,
    type,
    from: data.from ?? null,
    to: data.to ?? null,
    adoption: data.toOwner ? `${data.fromOwner ?? 'none'} -> ${data.toOwner} (epoch ${data.epoch})` : null,
    position,
  }));

export const delegationRow = z
  .object({ run_id: z.string(), id: z.string(), permit_epoch: z.number().nullable() })
  .transform(({ run_id: runId, id, permit_epoch: permitEpoch }) => ({ runId, id, permitEpoch }));
