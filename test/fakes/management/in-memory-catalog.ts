import { AppError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import {
  ScheduleDueError,
  ScheduleEditedError,
  type FireInstants,
  type NewSchedule,
  type NewTeam,
  type Page,
  type PageRequest,
  type ScheduleEdit,
  type ScheduleFilter,
  type ScheduleSort,
  type ScheduleStore,
  type TeamEdit,
  type TeamStore,
} from '@crewtab/domain/ports/management-store';
import type { ScheduleRevision } from '@crewtab/domain/ports/schedule-history';
import type { Schedule } from '@crewtab/domain/schedules/schedule';
import { editAgents, showAgent, type AgentCheck } from '@crewtab/domain/teams/edit-agents';
import type { Agent, Team } from '@crewtab/domain/teams/team';
import { fakeUuid } from '../stores/stored-run';
import { pageOf } from './pages';

/** With the values of its agents' variables. */
type StoredTeam = Omit<Team, 'agents'> & { readonly agents: readonly Agent[] };

/** Teams and schedules without a database, for tests of the HTTP side. */
export class InMemoryCatalog implements TeamStore, ScheduleStore {
  readonly teams = new Map<string, StoredTeam>();
  readonly schedules = new Map<string, Schedule>();
  /** The instants that came with the last create or edit of a schedule that brought some. */
  readonly instants = new Map<string, FireInstants>();
  readonly notes = new Map<string, string | null>();
  /** Oldest first, of all schedules. */
  readonly revisions: (ScheduleRevision & { readonly scheduleId: string })[] = [];
  private made = 0;

  constructor(private readonly clock: Clock) {}

  createTeam(organizationId: string, team: NewTeam, id?: string): Promise<Team> {
    const made = id === undefined ? null : find(this.teams, organizationId, id);
    if (made) return Promise.resolve(showTeam(made));
    const stored = { workspace: null, ...team, ...this.newRow(organizationId, id) };
    this.teams.set(stored.id, stored);
    return Promise.resolve(showTeam(stored));
  }

  listTeams(organizationId: string, page: PageRequest): Promise<Page<Team>> {
    return Promise.resolve(pageOf(inOrganization(this.teams, organizationId).map(showTeam), page));
  }

  getTeam(organizationId: string, id: string): Promise<Team | null> {
    const team = find(this.teams, organizationId, id);
    return Promise.resolve(team && showTeam(team));
  }

  async updateTeam(
    organizationId: string,
    id: string,
    { agents, ...edit }: TeamEdit,
    check?: AgentCheck,
  ): Promise<Team | null> {
    await Promise.resolve();
    const team = find(this.teams, organizationId, id);
    if (!team) return null;
    const edited = agents ? editAgents(team.agents, agents, check) : team.agents;
    const updated = { ...team, ...edit, agents: edited, updatedAt: this.clock.now() };
    this.teams.set(id, updated);
    return showTeam(updated);
  }

  deleteTeam(organizationId: string, id: string): Promise<boolean> {
    if (!find(this.teams, organizationId, id)) return Promise.resolve(false);
    const isUsed = [...this.schedules.values()].some((schedule) => schedule.teamId === id);
    if (isUsed) return Promise.reject(new AppError('team_in_use', 'the team is used by schedules'));
    return Promise.resolve(this.teams.delete(id));
  }

  createSchedule(
    organizationId: string,
    schedule: NewSchedule,
    instants: FireInstants,
    id?: string,
    by?: string,
  ): Promise<Schedule | null> {
    const made = id === undefined ? null : find(this.schedules, organizationId, id);
    if (made) return Promise.resolve(made);
    if (!find(this.teams, organizationId, schedule.teamId)) return Promise.resolve(null);
    const row = {
      ...schedule,
      ...this.newRow(organizationId, id),
      status: 'idle',
      lastRunAt: null,
      nextRunAt: instants.nextFireAt,
      fault: null,
      note: null,
      revision: 1,
    } as const;
    this.revisions.push({ ...revisionOf(row, 'created', []), by: editorOf(by) });
    return Promise.resolve(this.saveSchedule(row, instants));
  }

  listSchedules(organizationId: string, filter: ScheduleFilter, page: PageRequest): Promise<Page<Schedule>> {
    const matching = inOrganization(this.schedules, organizationId).filter(
      (schedule) =>
        (filter.teamId === undefined || schedule.teamId === filter.teamId) &&
        (filter.enabled === undefined || schedule.enabled === filter.enabled) &&
        (filter.status === undefined || schedule.status === filter.status) &&
        (filter.name === undefined || schedule.name.toLowerCase().includes(filter.name.toLowerCase())),
    );
    return Promise.resolve(pageOf(sorted(matching, filter.sort), page));
  }

  getSchedule(organizationId: string, id: string): Promise<Schedule | null> {
    return Promise.resolve(find(this.schedules, organizationId, id));
  }

  updateSchedule(
    organizationId: string,
    id: string,
    patch: Partial<NewSchedule>,
    instants: FireInstants | null,
    { by, revision }: ScheduleEdit = {},
  ): Promise<Schedule | null> {
    const schedule = find(this.schedules, organizationId, id);
    if (!schedule) return Promise.resolve(null);
    if (revision !== undefined && revision !== schedule.revision) return Promise.reject(new ScheduleEditedError(id));
    if (instants && this.isDue(schedule)) return Promise.reject(new ScheduleDueError(id));
    if (patch.teamId !== undefined && !find(this.teams, organizationId, patch.teamId)) {
      return Promise.reject(new AppError('not_found', 'teamId: there is no such team'));
    }
    const edited = this.revise(schedule, { ...schedule, ...patch, updatedAt: this.clock.now() }, by);
    return Promise.resolve(this.saveSchedule(edited, instants));
  }

  setEnabled(
    organizationId: string,
    id: string,
    enabled: boolean,
    note: string | null,
    instants: FireInstants,
    by?: string,
  ): Promise<Schedule | null> {
    const schedule = find(this.schedules, organizationId, id);
    if (!schedule) return Promise.resolve(null);
    if (this.isDue(schedule)) return Promise.reject(new ScheduleDueError(id));
    this.notes.set(id, note);
    const said = note === null ? null : { text: note, at: this.clock.now() };
    const edited = this.revise(schedule, { ...schedule, enabled, note: said }, by);
    return Promise.resolve(this.saveSchedule(edited, instants));
  }

  async resetWorkspace(organizationId: string, id: string): Promise<boolean> {
    return (await this.getSchedule(organizationId, id)) !== null;
  }

  deleteSchedule(organizationId: string, id: string): Promise<boolean> {
    const schedule = find(this.schedules, organizationId, id);
    if (schedule && this.isDue(schedule)) return Promise.reject(new ScheduleDueError(id));
    return Promise.resolve(schedule !== null && this.schedules.delete(id));
  }

  /** For tests: as if the due instant had got its row, and the next one were an hour away. */
  recordDue(id: string): void {
    const schedule = this.schedules.get(id);
    if (schedule) this.schedules.set(id, { ...schedule, nextRunAt: new Date(this.clock.now().getTime() + 3_600_000) });
  }

  private revise(before: Schedule, after: Schedule, by: string | undefined): Schedule {
    const [was, is] = [fieldsOf(before), fieldsOf(after)];
    const changed = (Object.keys(is) as (keyof NewSchedule)[]).filter(
      (field) => JSON.stringify(is[field]) !== JSON.stringify(was[field]),
    );
    if (changed.length === 0) return after;
    const revised = { ...after, revision: before.revision + 1 };
    const kind = changed.join() !== 'enabled' ? 'edited' : after.enabled ? 'resumed' : 'paused';
    this.revisions.push({ ...revisionOf(revised, kind, changed), by: editorOf(by) });
    return revised;
  }

  private isDue({ enabled, nextRunAt }: Schedule): boolean {
    return enabled && nextRunAt !== null && nextRunAt <= this.clock.now();
  }

  private saveSchedule(schedule: Schedule, instants: FireInstants | null): Schedule {
    const stored = instants ? { ...schedule, nextRunAt: instants.nextFireAt, fault: null } : schedule;
    this.schedules.set(stored.id, stored);
    if (instants) this.instants.set(stored.id, instants);
    return stored;
  }

  private newRow(organizationId: string, id: string = fakeUuid(++this.made, 4)) {
    const now = this.clock.now();
    return { id, organizationId, createdAt: now, updatedAt: now };
  }
}

function showTeam({ agents, ...team }: StoredTeam): Team {
  return { ...team, agents: agents.map(showAgent) };
}

/** As `pageOf` wants them: what comes first in the list stands last. */
function sorted(schedules: readonly Schedule[], sort: ScheduleSort = 'newest'): readonly Schedule[] {
  if (sort === 'newest') return schedules;
  const keyOf = ({ name, nextRunAt }: Schedule): string =>
    sort === 'name' ? name.toLowerCase() : (nextRunAt?.toISOString() ?? '~');
  return [...schedules].sort((one, other) => (keyOf(one) < keyOf(other) ? 1 : -1));
}

function fieldsOf(schedule: Schedule): NewSchedule {
  const { teamId, name, prompt, cron, timezone, enabled, timeoutMs, overlap, catchUp, catchUpWindowMs } = schedule;
  const { allowEmpty, allowOpenToolCalls, verify, artifacts } = schedule;
  const policies = { overlap, catchUp, catchUpWindowMs, allowEmpty, allowOpenToolCalls, verify, artifacts };
  const { promptFormat, variables } = schedule;
  return { teamId, name, prompt, promptFormat, variables, cron, timezone, enabled, timeoutMs, ...policies };
}

function revisionOf(schedule: Schedule, kind: ScheduleRevision['kind'], changed: readonly (keyof NewSchedule)[]) {
  const { id: scheduleId, revision, updatedAt: at, note } = schedule;
  const said = kind === 'paused' || kind === 'resumed' ? (note?.text ?? null) : null;
  return { scheduleId, revision, kind, changed, fields: fieldsOf(schedule), note: said, at };
}

function editorOf(by: string | undefined): ScheduleRevision['by'] {
  return by === undefined ? null : { keyId: by, name: `key ${by}` };
}

interface Owned {
  readonly organizationId: string;
}

function find<T extends Owned>(all: ReadonlyMap<string, T>, organizationId: string, id: string): T | null {
  const one = all.get(id);
  return one?.organizationId === organizationId ? one : null;
}

function inOrganization<T extends Owned>(all: ReadonlyMap<string, T>, organizationId: string): T[] {
  return [...all.values()].filter((one) => one.organizationId === organizationId);
}
