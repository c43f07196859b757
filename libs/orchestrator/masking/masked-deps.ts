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

/**
 * What takes words as they are: `begin` stores what the leader is told, `saveAgent` by what the engine knows a container, and
 * agents' messages are masked where they are read.
 */
type Raw = 'begin' | 'saveAgent' | 'appendMessages';

/** Every other method is given what is masked, those that are added later included. */
function maskedStore(store: RunStore, mask: RunMask): RunStore {
  const raw: Pick<RunStore, Raw> = {
    begin: (claim, deployment) => store.begin(claim, deployment),
    saveAgent: (claim, agent, patch) => store.saveAgent(claim, agent, patch),
    appendMessages: (claim, messages, cursor) =>
      store.appendMessages(claim, cursor ? messages : mask.current.deep(messages), cursor),
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (Object.hasOwn(raw, name)) return raw[name as Raw];
      const own: unknown = Reflect.get(target, name, target);
      if (typeof own !== 'function') return own;
      return (...given: unknown[]): unknown =>
        Reflect.apply(
          own,
          target,
          given.map((one) => mask.current.deep(one)),
        );
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
