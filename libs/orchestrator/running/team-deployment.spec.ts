import { AppError } from '@crewtab/domain/errors';
import type { TeardownReport } from '@crewtab/domain/ports/runtime';
import { FakeClock, settle } from '@test/fakes/fake-clock';
import { RecordingLogger } from '@test/fakes/recording-logger';
import { removeRun, TEARDOWN_LIMIT_MS, TeamDeployer, type Removal } from './team-deployment';

const REMOVED = { container: 1, volume: 1 };
const STUCK = { kind: 'volume', name: 'work', reason: 'in use' } as const;

interface Attempt {
  readonly clock: FakeClock;
  readonly removal: Promise<Removal>;
  readonly removedFolders: string[];
}

function attempt(teardown: () => Promise<TeardownReport>, removeFolder?: () => Promise<void>, graceMs = 0): Attempt {
  const clock = new FakeClock();
  const removedFolders: string[] = [];
  const remove = (runId: string): Promise<void> => {
    removedFolders.push(runId);
    return removeFolder?.() ?? Promise.resolve();
  };
  const deps = { clock, runtime: { teardown }, toolServer: { remove }, egressProxy: null };
  return { clock, removal: removeRun(deps, 'installation', 'run', graceMs), removedFolders };
}

describe('removing a run', () => {
  it('is clean when the engine has nothing left, and takes the folder of the tool session too', async () => {
    const { removal, removedFolders } = attempt(() => Promise.resolve({ removed: REMOVED, left: [] }));
    expect(await removal).toEqual({ kind: 'clean', removed: REMOVED });
    expect(removedFolders).toEqual(['run']);
  });

  it('says in words what is left, and keeps the folder that agents may still use', async () => {
    const { removal, removedFolders } = attempt(() => Promise.resolve({ removed: REMOVED, left: [STUCK] }));
    expect(await removal).toEqual({
      kind: 'leftover',
      removed: REMOVED,
      left: [STUCK],
      failure: { code: 'teardown_failed', message: 'still there: volume work: in use' },
    });
    expect(removedFolders).toEqual([]);
  });

  it('is not clean while the folder of the tool session cannot be removed', async () => {
    const { removal } = attempt(
      () => Promise.resolve({ removed: REMOVED, left: [] }),
      () => Promise.reject(new Error('EBUSY')),
    );
    expect(await removal).toMatchObject({
      kind: 'leftover',
      removed: REMOVED,
      failure: { message: 'still there: directory of the tool session: EBUSY' },
    });
  });

  it("has the engine's error when it refused", async () => {
    const error = new AppError('engine_unreachable', 'no engine', { retryable: true });
    const { removal, removedFolders } = attempt(() => Promise.reject(error));
    const failure = { code: 'teardown_failed', message: 'no engine' };
    expect(await removal).toEqual({ kind: 'unanswered', failure, error });
    expect(removedFolders).toEqual([]);
  });

  it('is given up after its limit and the grace when the engine never answers', async () => {
    const { clock, removal } = attempt(() => new Promise(() => undefined), undefined, 5_000);
    let isOver = false;
    void removal.then(() => (isOver = true));
    await clock.advance(TEARDOWN_LIMIT_MS + 4_999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await removal).toMatchObject({
      kind: 'unanswered',
      failure: { message: `the engine did not answer within ${TEARDOWN_LIMIT_MS + 5_000} ms` },
      error: null,
    });
    expect(clock.pendingTimers).toBe(0);
  });
});

interface Telling {
  readonly onProgress: (text: string) => void;
}

it('tells the progress of a deployment in the order in which it came, however long each write takes', async () => {
  const told: unknown[] = [];
  let writes = 0;
  const store = {
    appendMessages: async (_claim: unknown, [message]: readonly { content: unknown }[]) => {
      for (let turns = 10 - 3 * writes++; turns > 0; turns--) await Promise.resolve();
      told.push(message?.content);
    },
  };
  const ensureAgent = (_spec: unknown, agent: { name: string }, { onProgress }: Telling): Promise<object> => {
    onProgress(agent.name);
    return Promise.resolve({});
  };
  const prepare = (_spec: unknown, { onProgress }: Telling): Promise<void> => {
    for (const step of ['one', 'two', 'three']) onProgress(step);
    return Promise.resolve();
  };
  const deps = {
    clock: new FakeClock(),
    logger: new RecordingLogger(),
    store,
    runtime: { prepare, ensureAgent },
    options: { agentPolicy: {} },
  };
  const agent = { name: 'lead', isImageOfPreset: true };
  const emit = ({ kind }: { kind: string }): void => void (kind === 'started' && told.push(kind));
  const options = { claim: {}, deployment: {}, run: { plan: {} }, agents: [{ agent, spec: agent }], emit };
  const deployer = new TeamDeployer(deps as never, options as never);
  deployer.start();
  await settle();
  expect(told).toEqual([{ text: 'one' }, { text: 'two' }, { text: 'three' }, { text: 'lead' }, 'started']);
  await deployer.stop();
});
