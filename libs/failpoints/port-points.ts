import type { ArtifactIndex } from '@crewtab/domain/ports/artifact-index';
import type { ArtifactStore } from '@crewtab/domain/ports/artifact-store';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { EgressProxy, EgressSession } from '@crewtab/domain/ports/egress-proxy';
import type { FireStore } from '@crewtab/domain/ports/fire-store';
import type { HostImageStore } from '@crewtab/domain/ports/host-images';
import type { HostStore } from '@crewtab/domain/ports/host-store';
import type {
  AccessStore,
  IdempotencyStore,
  RunArchive,
  ScheduleStore,
  TeamStore,
} from '@crewtab/domain/ports/management-store';
import type { KeptWorkspaceStore, WorkspaceKeeper } from '@crewtab/domain/ports/kept-workspaces';
import type { OverviewStore } from '@crewtab/domain/ports/overview-store';
import type { RetentionStore } from '@crewtab/domain/ports/retention-store';
import type { RunEventLog } from '@crewtab/domain/ports/run-event-log';
import type { JobSchedulers, RunQueue } from '@crewtab/domain/ports/run-queue';
import type { ScheduleHistory } from '@crewtab/domain/ports/schedule-history';
import type { RunStore } from '@crewtab/domain/ports/run-store';
import type { SecretStore } from '@crewtab/domain/ports/secret-store';
import type { SessionStore } from '@crewtab/domain/ports/session-store';
import type { AgentChannel, Runtime } from '@crewtab/domain/ports/runtime';
import type { ToolServer, ToolSession } from '@crewtab/domain/ports/tool-server';

/** `effect`: has a point before and after it. Anything else is the reason why the method needs none. */
export type PointsOf<Port> = {
  readonly [Member in keyof Port as Port[Member] extends (...args: never[]) => unknown ? Member : never]-?:
    'effect' | { readonly none: string };
};

const READS = { none: 'only reads' };
const LISTENS = { none: 'a subscription of this process, gone with it' };
const RELEASES = { none: 'only releases what dies with this process anyway' };

/**
 * Every method of every port, as effect or not. A new method does not compile until it is listed here, and one that is an
 * effect has two crash points from then on.
 */
export const PORT_POINTS = {
  'run-store': {
    installationId: READS,
    claim: 'effect',
    claimAbandoned: 'effect',
    renewLeases: 'effect',
    release: 'effect',
    load: READS,
    begin: 'effect',
    readPromptRecord: READS,
    saveAgent: 'effect',
    appendMessages: 'effect',
    permitPrompt: 'effect',
    confirmPrompt: 'effect',
    noteRepository: 'effect',
    beginPush: 'effect',
    endPush: 'effect',
    endWork: 'effect',
    conclude: 'effect',
    endCollecting: 'effect',
    recordTeardownFailure: 'effect',
    failTeardown: 'effect',
    finish: 'effect',
    lookUp: READS,
    untilAbandoned: READS,
    findAbandoned: READS,
    findOfferable: READS,
    findNextInLine: READS,
    onRunControl: LISTENS,
    onRunChanged: LISTENS,
  } satisfies PointsOf<RunStore>,
  'fire-store': {
    firePunctual: 'effect',
    fireOne: 'effect',
    findUnplanned: READS,
    savePlanned: 'effect',
    quarantine: 'effect',
    msUntilNextDue: READS,
    onScheduleChanged: LISTENS,
    findUnsyncedJobSchedulers: READS,
    markJobSchedulersSynced: 'effect',
    countEnabled: READS,
    listEnabledJobSchedulers: READS,
    withSingleWriter: 'effect',
  } satisfies PointsOf<FireStore>,
  'run-event-log': {
    number: 'effect',
    read: READS,
    end: READS,
    holds: READS,
    onWritten: LISTENS,
    onNumbered: LISTENS,
  } satisfies PointsOf<RunEventLog>,
  'delegation-store': {
    openDelegation: 'effect',
    permitDelegation: 'effect',
    answerDelegation: 'effect',
    readDelegation: READS,
    listDelegations: READS,
    listNotes: READS,
  } satisfies PointsOf<DelegationStore>,
  'team-store': {
    createTeam: 'effect',
    listTeams: READS,
    getTeam: READS,
    updateTeam: 'effect',
    deleteTeam: 'effect',
  } satisfies PointsOf<TeamStore>,
  'schedule-store': {
    createSchedule: 'effect',
    listSchedules: READS,
    getSchedule: READS,
    updateSchedule: 'effect',
    setEnabled: 'effect',
    deleteSchedule: 'effect',
    resetWorkspace: 'effect',
  } satisfies PointsOf<ScheduleStore>,
  'schedule-history': {
    readPromptRecord: READS,
    readRecent: READS,
    readDurations: READS,
    readRevisions: READS,
    readLedger: READS,
    readLanes: READS,
    countByQuarter: READS,
    readSpecChanges: READS,
  } satisfies PointsOf<ScheduleHistory>,
  'run-archive': {
    createManualRun: 'effect',
    createTry: 'effect',
    createRerun: 'effect',
    requestCancel: 'effect',
    getRun: READS,
    listRuns: READS,
    countRuns: READS,
    listMessages: READS,
    listMessagesBefore: READS,
    searchMessages: READS,
    readOutline: READS,
    readTimeline: READS,
    listJoined: READS,
    getMessage: READS,
    readMessageText: READS,
    findNeighbours: READS,
    getDeployment: READS,
  } satisfies PointsOf<RunArchive>,
  'host-store': {
    noteWorker: 'effect',
    forgetWorker: 'effect',
    readmit: 'effect',
    claimPendingTeardowns: 'effect',
    noteScheduler: 'effect',
    forgetScheduler: 'effect',
    endLostRuns: 'effect',
    decommission: 'effect',
    readSystem: READS,
  } satisfies PointsOf<HostStore>,
  'host-image-store': {
    noteImages: 'effect',
    want: 'effect',
    take: 'effect',
    noteProgress: 'effect',
    end: 'effect',
    read: READS,
  } satisfies PointsOf<HostImageStore>,
  'access-store': {
    findKey: READS,
    createFirstKey: 'effect',
    hasAnyKey: READS,
  } satisfies PointsOf<AccessStore>,
  'overview-store': {
    readOverview: READS,
    search: READS,
    acknowledge: 'effect',
  } satisfies PointsOf<OverviewStore>,
  'session-store': {
    createSession: 'effect',
    useSession: { none: 'reads, and notes at most once a minute that the session was used: the next use notes it' },
    listSessions: READS,
    endSession: 'effect',
    endAllSessions: 'effect',
    createCode: 'effect',
    redeemCode: 'effect',
  } satisfies PointsOf<SessionStore>,
  'secret-store': {
    listSecrets: READS,
    getSecret: READS,
    putSecret: 'effect',
    deleteSecret: 'effect',
    findAbsentSecrets: READS,
  } satisfies PointsOf<SecretStore>,
  'idempotency-store': {
    reserve: 'effect',
    complete: 'effect',
    abandon: 'effect',
  } satisfies PointsOf<IdempotencyStore>,
  'retention-store': {
    deleteHistory: 'effect',
  } satisfies PointsOf<RetentionStore>,
  runtime: {
    identify: READS,
    prepare: 'effect',
    ensureAgent: 'effect',
    workspacePath: { none: 'only answers' },
    toolsPath: { none: 'only answers' },
    inspect: READS,
    open: { none: 'follows the output; stdin is attached by the first write' },
    putFiles: 'effect',
    readFiles: { none: 'reads, one entry after the other; what it makes for that has points of its own' },
    runProgram: 'effect',
    stop: 'effect',
    watch: LISTENS,
    teardown: 'effect',
    list: READS,
    measureDisk: READS,
    close: RELEASES,
  } satisfies PointsOf<Runtime>,
  'kept-workspace-store': {
    findKept: READS,
    retire: 'effect',
  } satisfies PointsOf<KeptWorkspaceStore>,
  'workspace-keeper': {
    list: READS,
    measure: READS,
    remove: 'effect',
  } satisfies PointsOf<WorkspaceKeeper>,
  'artifact-index': {
    listArtifacts: READS,
    expireArtifacts: 'effect',
    findRemovals: READS,
    forgetRemoval: 'effect',
    agreeOnFolder: { none: 'at the start of a process, which asks again at the next one' },
  } satisfies PointsOf<ArtifactIndex>,
  'artifact-store': {
    put: 'effect',
    open: READS,
    removeRun: 'effect',
  } satisfies PointsOf<ArtifactStore>,
  'agent-channel': {
    write: 'effect',
    endInput: 'effect',
    close: RELEASES,
  } satisfies PointsOf<AgentChannel>,
  'run-queue': {
    offerRuns: 'effect',
    wakeHost: 'effect',
  } satisfies PointsOf<RunQueue>,
  'job-schedulers': {
    set: 'effect',
    remove: 'effect',
    count: READS,
    list: READS,
  } satisfies PointsOf<JobSchedulers>,
  'tool-server': {
    open: 'effect',
    list: READS,
    remove: 'effect',
  } satisfies PointsOf<ToolServer>,
  'egress-proxy': {
    open: 'effect',
    openAside: 'effect',
    list: READS,
    remove: 'effect',
  } satisfies PointsOf<EgressProxy>,
  'egress-session': {
    close: RELEASES,
  } satisfies PointsOf<EgressSession>,
  'tool-session': {
    serverAt: { none: 'only answers' },
    close: RELEASES,
  } satisfies PointsOf<ToolSession>,
} as const;

export type PortName = keyof typeof PORT_POINTS;

/** The names that `effect` is called with for the ports' methods, like `run-store.claim`. */
export function portEffects(): string[] {
  return Object.entries(PORT_POINTS).flatMap(([port, members]) =>
    Object.entries(members).flatMap(([member, kind]) => (kind === 'effect' ? [`${port}.${member}`] : [])),
  );
}
