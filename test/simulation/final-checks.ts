import { createHash } from 'node:crypto';
import type { ErrorCode } from '@crewtab/domain/errors';
import { promptTurnId } from '@crewtab/domain/runs/decide';
import { isTerminal, type Run } from '@crewtab/domain/runs/run';
import type { AgentScript, ScheduleScript } from './history-plan';
import { dueInstants, type BookedSchedule, type ScheduleBook } from './schedule-book';
import { isHostile } from './hostile-agents';
import type { AgentRecord } from './sim-agents';
import type { World } from './world';

/** What the checks need to know of what befell a history. */
export interface Befallen {
  readonly harmedRuns: ReadonlySet<string>;
  /** As `<run>/<name>`. */
  readonly unseenEnds: ReadonlySet<string>;
  readonly hasDisturbedEngine: boolean;
  readonly isUndisturbed: boolean;
}

/** What must hold once everything has come to rest. */
export class FinalChecks {
  constructor(
    private readonly world: World,
    private readonly befallen: Befallen,
  ) {}

  checkAll({ booked, manualRuns, unreadable }: ScheduleBook): void {
    for (const schedule of booked) this.checkInstants(schedule);
    for (const id of unreadable) this.checkQuarantine(id);
    this.checkManualRuns(manualRuns);
    for (const run of this.world.store.all()) {
      const script = this.world.schedules.scriptOfSchedule(run.scheduleId ?? '');
      if (!script) continue;
      this.checkEnd(run);
      this.checkPrompts(run, script);
      this.checkConversation(run, script);
      this.checkLimits(run, script);
      this.checkFinishedWork(run, script);
      if (run.status === 'failed') this.checkHealth(run, script);
      this.world.tally.add(`status ${run.status}`);
    }
  }

  private checkInstants({ id, spans }: BookedSchedule): void {
    const { violations, time } = this.world;
    const now = time.now().getTime();
    const rows = this.world.fires.runsOf(id).filter(({ trigger }) => trigger === 'schedule' || trigger === 'catchup');
    const seen = new Set<number>();
    const due = new Set(spans.flatMap((span) => dueInstants(span, now)));
    const lastEnd = spans.at(-1)?.toMs ?? null;
    for (const { scheduledFor } of rows) {
      const at = scheduledFor.getTime();
      if (seen.has(at)) violations.add('I1', `${id} at ${scheduledFor.toISOString()}`, 'has two rows');
      seen.add(at);
      if (due.has(at)) continue;
      if (lastEnd !== null && at > lastEnd)
        violations.add(
          'I12',
          `${id} at ${scheduledFor.toISOString()}`,
          'fired after the schedule was paused or deleted',
        );
      else violations.add('I3', `${id} at ${scheduledFor.toISOString()}`, 'has a row, but was not due');
    }
    for (const at of due)
      if (!seen.has(at)) violations.add('I2', `${id} at ${new Date(at).toISOString()}`, 'was due and has no row');
  }

  private checkQuarantine(id: string): void {
    const { fires, violations } = this.world;
    if (fires.runsOf(id).length > 0) violations.add('I3', id, 'has a row, but it cannot be told when it is due');
    if (fires.read(id).fault === null) violations.add('I15', id, 'cannot be evaluated, and was not quarantined');
  }

  private checkManualRuns(manualRuns: ReadonlyMap<string, string>): void {
    const made = this.world.store.all().filter(({ trigger }) => trigger === 'manual');
    if (made.length !== manualRuns.size)
      this.world.violations.add('I3', 'manual runs', `${made.length} runs for ${manualRuns.size} keys`);
  }

  private checkEnd(run: Run): void {
    if (!isTerminal(run.status)) this.world.violations.add('I15', run.id, `is still ${run.status} (${run.phase})`);
    else if (run.phase !== 'finished')
      this.world.violations.add('I15', run.id, `is ${run.status} and still ${run.phase}`);
  }

  /** Success means success; and what is listed as kept is there, as it was. */
  private checkFinishedWork(run: Run, { verify, collects }: ScheduleScript): void {
    const { store, artifacts, violations, tally } = this.world;
    if (run.status === 'success' && verify) {
      tally.add('verified success');
      const isVerified = verify.passes && run.outcome?.verification?.status === 'passed';
      if (!isVerified) violations.add('I6', run.id, 'success, but its work was not found good');
    }
    const kept = store.kept(run.id);
    if (run.artifacts && run.artifacts.count !== kept.length)
      violations.add('I14', run.id, `${run.artifacts.count} artifacts, of which ${kept.length} are listed`);
    for (const { key, digest, path } of kept) {
      tally.add('artifact');
      const file = artifacts.files.get(key);
      if (!file || createHash('sha256').update(file).digest('hex') !== digest)
        violations.add('I14', run.id, `its artifact ${path} is not what it was`);
    }
    const isOwed = this.befallen.isUndisturbed && collects && run.status === 'success' && hasTimeToCollect(run);
    if (isOwed && kept.length === 0) violations.add('I14', run.id, 'what its agents left was not kept');
  }

  private checkPrompts(run: Run, { agents }: ScheduleScript): void {
    for (const { name } of agents)
      for (const [turn, times] of this.recordOf(run, name)?.turns ?? [])
        if (times > 1) this.world.violations.add('I5', run.id, `${name} got ${turn} ${times} times`);
    if (run.status !== 'success') return;
    const leader = agents.find(({ role }) => role === 'leader');
    // What an agent says of itself is believed: one that says that it is done is.
    if (leader && isLiar(leader)) return;
    const record = leader && this.recordOf(run, leader.name);
    const wasPrompted = record?.turns.has(promptTurnId(run.id)) || record?.turns.has('prompt');
    if (!wasPrompted) this.world.violations.add('I6', run.id, 'success, but the leader was never prompted');
    if (leader?.protocol === 'command' && this.befallen.unseenEnds.has(`${run.id}/${leader.name}`))
      this.world.violations.add('I6', run.id, 'success, but the engine did not see the program end');
    const said = this.storedText(run, leader?.name ?? '');
    const result = squeezed(run.outcome?.result ?? '');
    if (result === '' || !said.endsWith(result))
      this.world.violations.add(
        'I6',
        run.id,
        `success, but its answer "${result}" is not the end of what is stored: "${said}"`,
      );
    if (run.epoch > 1) this.world.tally.add('success after adoption');
  }

  /**
   * A run that is cut short may lose the end of what was said, and nothing else. So may a teammate of whom the leader was
   * told that its task could not be given to it: it may have arrived after all, and no call waits for what it says.
   */
  private checkConversation(run: Run, { agents }: ScheduleScript): void {
    const messages = this.world.store.messages(run.id);
    if (messages.some(({ seq }, index) => seq !== index + 1))
      this.world.violations.add('I14', run.id, 'the numbers of the messages have a gap');
    if (messages.filter(({ kind }) => kind === 'prompt').length > 1)
      this.world.violations.add('I14', run.id, 'the prompt is stored twice');
    for (const { name } of agents) {
      const said = squeezed(this.recordOf(run, name)?.said ?? '');
      const stored = this.storedText(run, name);
      const isGivenUp = messages.some(
        (one) => one.agent === name && one.kind === 'delegation' && 'error' in one.content,
      );
      const isOwedWhole = run.status === 'success' && !isGivenUp && !agents.some(isLiar);
      const isRight = isOwedWhole ? said === stored : said.startsWith(stored);
      if (!isRight) this.world.violations.add('I14', run.id, `${name} said "${said}", stored is "${stored}"`);
    }
  }

  private checkHealth(run: Run, { agents, verify }: ScheduleScript): void {
    const code = run.outcome?.error?.code ?? 'internal';
    this.world.tally.add(`failed ${code}`);
    if (NEVER.has(code)) {
      this.world.violations.add('I13', run.id, `failed with ${code}: ${run.outcome?.error?.message ?? ''}`);
      return;
    }
    if (code === 'host_lost') {
      this.checkSilence(run);
      return;
    }
    if (code === 'output_lost' && agents.some(({ name }) => this.befallen.unseenEnds.has(`${run.id}/${name}`))) return;
    if (code === 'verification_failed' && verify?.passes === false) return;
    const isForeseen = agents.every(({ conduct }) => conduct === 'works' || isHostile(conduct));
    if (!isForeseen || this.befallen.harmedRuns.has(run.id) || this.isExcused(code)) return;
    const codes = agents.flatMap(({ name }) => this.recordOf(run, name)?.exceeded?.codes ?? []);
    if (codes.includes(code)) return;
    // It may have ended before the prompt, and what it wrote until then not be read yet.
    if (code === 'prompt_failed' && agents.some(isGoneEarly)) return;
    const conduct = codes.length > 0 ? `its agents went beyond ${codes.join(', ')}` : 'its agents are healthy';
    this.world.violations.add(
      'I13',
      run.id,
      `${conduct}, but it failed with ${code}: ${run.outcome?.error?.message ?? ''}`,
    );
  }

  /** An agent that goes beyond a limit ends its run, and soon where nothing is in the way. */
  private checkLimits(run: Run, { agents }: ScheduleScript): void {
    for (const { name } of agents) {
      const exceeded = this.recordOf(run, name)?.exceeded;
      // What an agent says while its engine is down is lost with the agent's end.
      if (!exceeded || this.befallen.unseenEnds.has(`${run.id}/${name}`)) continue;
      if (run.status === 'success' && !this.isNotWaitedFor(run, name))
        this.world.violations.add('I6', run.id, `success, though ${name} went beyond ${exceeded.codes.join(', ')}`);
      const atMs = exceeded.atMs + this.world.plan.startAt;
      const isOwedSoon = this.befallen.isUndisturbed && run.status === 'timeout' && isNoticedSoon(exceeded.codes);
      if (isOwedSoon && (run.deadlineAt?.getTime() ?? 0) > atMs + NOTICED_WITHIN_MS)
        this.world.violations.add('I13', run.id, `timeout, though ${name} went beyond a limit long before`);
    }
  }

  /** Its task was told to be unconfirmed, and reached it late: its leader ends without it, maybe before its excess is seen. */
  private isNotWaitedFor(run: Run, agent: string): boolean {
    const answers = this.world.store.messages(run.id).filter((one) => one.kind === 'delegation' && one.agent === agent);
    return answers.some(({ content }) => String(content['error']).includes('cannot tell whether it arrived'));
  }

  private checkSilence({ id, host, finishedAt }: Run): void {
    if (host !== null && finishedAt && !this.world.hosts.wasHeard(host, LOST_AFTER_MS, finishedAt)) return;
    this.world.violations.add('I13', id, `failed with host_lost, but ${host ?? 'no host'} was heard of just before`);
  }

  private isExcused(code: ErrorCode): boolean {
    if (this.befallen.isUndisturbed) return false;
    if (code === 'delivery_unconfirmed') return true;
    return this.befallen.hasDisturbedEngine && ENGINE_MAY_CAUSE.has(code);
  }

  private storedText(run: Run, agent: string): string {
    const own = this.world.store.messages(run.id).filter((one) => one.agent === agent && one.kind === 'agent_message');
    return squeezed(own.map(({ content }) => String(content['text'])).join(''));
  }

  private recordOf(run: Run, agent: string): AgentRecord | undefined {
    return this.world.records.get(`${run.id}/${agent}`);
  }
}

/** Whatever befell the system: these would be faults of its own. */
const NEVER = new Set<ErrorCode>([
  'internal',
  'conflict',
  'not_found',
  'store_unreachable',
  'claim_lost',
  'protocol_error',
]);
/** By an undisturbed worker, ms: it measures the disk every ten seconds. */
const NOTICED_WITHIN_MS = 15_000;
/** With the delays of an undisturbed engine. */
const COLLECTS_WITHIN_MS = 2_000;
/** No host is lost that was heard of within so long, ms. */
const LOST_AFTER_MS = 20_000;
/** A healthy run may end so when its engine did not do its part. */
const ENGINE_MAY_CAUSE = new Set<ErrorCode>(['prompt_failed', 'teardown_failed', 'handshake_timeout']);

/** A success is collected until its deadline at most. */
function hasTimeToCollect({ concludedAt, deadlineAt }: Run): boolean {
  return (deadlineAt?.getTime() ?? 0) - (concludedAt?.getTime() ?? 0) > COLLECTS_WITHIN_MS;
}

/** Where there are several, they are come to by many small steps. */
function isNoticedSoon(codes: readonly ErrorCode[]): boolean {
  return codes.length === 1;
}

function isGoneEarly({ conduct, strikesEarly, afterwards }: AgentScript): boolean {
  return isHostile(conduct) && strikesEarly && afterwards === 'exits';
}

function isLiar({ conduct }: AgentScript): boolean {
  return conduct === 'answersUnasked';
}

/** Plain programs end each piece with a newline. */
function squeezed(text: string): string {
  return text.replaceAll('\n', '').trim();
}
