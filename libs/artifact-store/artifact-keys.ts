import { AppError } from '@crewtab/domain/errors';

const KEY = /^[0-9a-f-]{36}\/[A-Za-z0-9-]{1,100}$/;
const RUN_ID = /^[0-9a-f-]{36}$/;

/** Names are made by Crewtab and never by an agent. @throws AppError `internal` */
export function requireKey(key: string): void {
  if (!KEY.test(key)) throw new AppError('internal', `"${key}" is no key of an artifact`);
}

/** @throws AppError `internal` */
export function requireRunId(runId: string): void {
  if (!RUN_ID.test(runId)) throw new AppError('internal', `"${runId}" is no id of a run`);
}
