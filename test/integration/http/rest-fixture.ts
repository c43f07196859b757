import { LiquidPromptRenderer } from '@crewtab/prompt-liquid/liquid-prompt-renderer';
import { hashApiKey } from '../../../apps/scheduler/src/http/access/api-key';
import { ensureFirstKey } from '../../../apps/scheduler/src/http/access/first-key';
import { KEYS, startHttp, type HttpFixture } from '../../../apps/scheduler/src/http/http-fixture';
import type { HttpDeps } from '../../../apps/scheduler/src/http/http-deps';
import { fireBeforeEdit } from '@crewtab/orchestrator/firing/fire-due-schedules';
import { SystemClock } from '@crewtab/orchestrator/timing';
import { silentLogger } from '@test/fakes/silent-logger';
import { firingDeps } from '../schedules/firing-deps';
import { StoreFixture } from '../store/store-fixture';

/** The HTTP side on the real store: an admin key in the organization `default`, and one in another organization. */
export interface RestFixture {
  readonly stored: StoreFixture;
  readonly http: HttpFixture;
  dispose(): Promise<void>;
}

export async function startRest(deps: Partial<HttpDeps> = {}): Promise<RestFixture> {
  const stored = await StoreFixture.create();
  const { store } = stored;
  await ensureFirstKey({
    access: store.access,
    configuredKey: KEYS.admin,
    print: () => undefined,
    logger: silentLogger,
  });
  const other = await stored.organization();
  await stored.sql(`INSERT INTO api_keys (organization_id, name, role, key_hash) VALUES ($1, 'other', 'admin', $2)`, [
    other,
    hashApiKey(KEYS.other),
  ]);
  const http = await startHttp({
    deps: {
      teams: store.teams,
      schedules: store.schedules,
      history: store.history,
      prompts: new LiquidPromptRenderer(),
      runs: store.archive,
      access: store.access,
      sessions: store.sessions,
      secrets: store.secrets,
      idempotency: store.idempotency,
      runChanges: store.runs,
      clock: new SystemClock(),
      time: store.time,
      fireBeforeEdit: (scheduleId, isEnding) => fireBeforeEdit(firingDeps(store), scheduleId, isEnding),
      ...deps,
    },
  });
  return {
    stored,
    http,
    async dispose() {
      await http.app.close();
      await stored.dispose();
    },
  };
}
