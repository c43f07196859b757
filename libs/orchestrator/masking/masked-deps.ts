import type { Failure } from '@crewtab/domain/errors';
import type { Logger } from '@crewtab/domain/ports/logger';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { OrchestratorDeps } from '../running/orchestrator-deps';
import { SecretMask } from './secret-mask';

/** The mask of a run, which has its secrets once it has begun. */
export class RunMask {
  current = new SecretMask({});
  private from: object | undefined;

  /** @param secrets the run's own; the same object is looked at once */
  use(secrets: Readonly<Record<string, string>> | undefined): void {
    if (secrets === undefined || secrets === this.from) return;
    this.from = secrets;
    this.current = new SecretMask(secrets);
  }
}

/**
 * What a run is driven with: everything that it stores or logs in words goes through its mask. What an agent said is masked
 * where it is read (see `AgentSession`), since it comes in pieces.
 */
export function maskedDeps(deps: OrchestratorDeps, mask: RunMask): OrchestratorDeps {
  return { ...deps, store: maskedStore(deps.store, mask), logger: maskedLogger(deps.logger, mask) };
}

function maskedStore(store: RunStore, mask: RunMask): RunStore {
  const failure = (one: Failure): Failure => mask.current.deep(one);
  const masked: Partial<RunStore> = {
    appendMessages: (claim, messages, cursor) =>
      store.appendMessages(claim, cursor ? messages : mask.current.deep(messages), cursor),
    permitPrompt: (claim, message) => store.permitPrompt(claim, mask.current.deep(message)),
    conclude: (claim, outcome, warnings) =>
      store.conclude(claim, mask.current.deep(outcome), warnings && mask.current.deep(warnings)),
    recordTeardownFailure: (claim, why, removed) => store.recordTeardownFailure(claim, failure(why), removed),
    failTeardown: (claim, why) => store.failTeardown(claim, failure(why)),
  };
  return new Proxy(store, {
    get: (target, name: keyof RunStore) => {
      if (masked[name]) return masked[name];
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? (own as (...given: never[]) => unknown).bind(target) : own;
    },
  });
}

function maskedLogger(logger: Logger, mask: RunMask): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] =>
    (fields, message) =>
      logger[level](mask.current.deep(fields), mask.current.text(message));
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => maskedLogger(logger.child(mask.current.deep(fields)), mask),
  };
}
