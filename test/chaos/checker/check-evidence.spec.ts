import fc from 'fast-check';
import type { InvariantName } from '@crewtab/domain/invariants';
import { checkInvariants, type CheckReport } from './check-evidence';
import type { Evidence } from './evidence';
import { addFault, SPOILT, withRun } from './spoilt-evidence.spec-support';
import { aRequest, aRun, at, EXCLUSIVE, INSTALLATION, STEADY, validEvidence } from './valid-evidence.spec-support';

function violatedBy(evidence: Evidence): Set<InvariantName> {
  return violatedIn(checkInvariants(evidence));
}

function violatedIn({ invariants }: CheckReport): Set<InvariantName> {
  return new Set(invariants.filter(({ violations }) => violations.length > 0).map(({ invariant }) => invariant));
}

describe('checkInvariants', () => {
  it('finds nothing wrong with a valid evidence, and nothing that it did not look at', () => {
    const report = checkInvariants(validEvidence());
    expect(report.invariants.flatMap(({ violations }) => violations)).toEqual([]);
    expect(report.vacuous).toEqual([]);
    expect(report.isClean).toBe(true);
    expect(report.faultsByKind).toEqual({ 'redis-flush': 1 });
  });

  it('finds nothing wrong with valid evidence of any length', () => {
    const sizes = fc.record({ minutes: fc.integer({ min: 2, max: 40 }), chunks: fc.integer({ min: 0, max: 200 }) });
    fc.assert(
      fc.property(sizes, (size) => {
        expect([...violatedBy(validEvidence(size))]).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it.each(SPOILT.map((spoilt) => [spoilt.invariant, spoilt.how, spoilt] as const))(
    '%s: notices %s',
    (_, __, spoilt) => {
      expect([...violatedBy(spoilt.spoil(validEvidence()))]).toContain(spoilt.invariant);
    },
  );

  it('notices it in an evidence of any length', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SPOILT), fc.integer({ min: 9, max: 60 }), ({ invariant, spoil }, minutes) => {
        expect([...violatedBy(spoil(validEvidence({ minutes })))]).toContain(invariant);
      }),
      { numRuns: 200 },
    );
  });

  it('names invariant, subject, facts and time', () => {
    const late = SPOILT.find(({ how }) => how === 'a container that goes a minute late');
    const report = checkInvariants(late?.spoil(validEvidence()) ?? validEvidence());
    const [found] = report.invariants.flatMap(({ invariant, violations }) =>
      violations.map((violation) => ({ invariant, ...violation })),
    );
    expect(found).toEqual({
      invariant: 'I8',
      subject: `run run-${STEADY}-2`,
      facts: expect.stringContaining('70000 ms'),
      at: '2026-06-01T12:03:30.000Z',
    });
  });

  it('says which invariants it could not test at all', () => {
    const evidence = validEvidence();
    const nothing = { ...evidence, prompts: [], tables: { ...evidence.tables, runs: [], permits: [], messages: [] } };
    const report = checkInvariants(nothing);
    expect(report.vacuous).toEqual(expect.arrayContaining(['I1', 'I5', 'I6', 'I10', 'I13', 'I14']));
    expect(report.isClean).toBe(false);
  });
});

const isI4 = ({ invariant }: { readonly invariant: string }): boolean => invariant === 'I4';

describe('what may be', () => {
  const clean = (evidence: Evidence): void => expect([...violatedBy(evidence)]).toEqual([]);
  const paused = `/api/v1/schedules/${EXCLUSIVE}/pause`;
  const plus = (evidence: Evidence, ...requests: ReturnType<typeof aRequest>[]): Evidence => ({
    ...evidence,
    requests: [...evidence.requests, ...requests].sort((a, b) => a.at - b.at),
  });

  it('an instant inside the window of an edit, with its row or without', () => {
    const slow = { ...aRequest(3, 59_000, { method: 'POST', path: paused }), answeredAt: at(4, 5_000) };
    const resumed = aRequest(4, 6_000, { method: 'POST', path: paused.replace('pause', 'resume') });
    const edited = plus(validEvidence(), slow, resumed);
    const without = {
      ...edited,
      tables: { ...edited.tables, runs: edited.tables.runs.filter(({ id }) => id !== `run-${EXCLUSIVE}-4`) },
    };
    clean(edited);
    expect([...violatedBy(without)]).not.toContain('I2');
  });

  it('fires after a pause that was refused, and after one without an answer', () => {
    clean(plus(validEvidence(), aRequest(3, 0, { method: 'POST', path: paused, status: 409 })));
    clean(plus(validEvidence(), aRequest(3, 0, { method: 'POST', path: paused, status: null, answeredAt: null })));
  });

  it('many tries within a minute, all without an answer', () => {
    const tries = Array.from({ length: 40 }, (_, n) =>
      aRequest(3, n * 1_000, {
        method: 'POST',
        path: n % 2 === 0 ? paused : paused.replace('pause', 'resume'),
        status: null,
        answeredAt: null,
      }),
    );
    clean(plus(validEvidence(), ...tries));
  });

  it('no run after a pause without an answer that a repetition with the same key confirmed', () => {
    const lost = aRequest(5, 0, { method: 'POST', path: paused, idempotencyKey: 'p', status: null, answeredAt: null });
    const again = aRequest(7, 0, { method: 'POST', path: paused, idempotencyKey: 'p' });
    const evidence = plus(validEvidence(), lost, again);
    const withoutLater = evidence.tables.runs.filter(
      ({ scheduleId, scheduledFor }) => scheduleId !== EXCLUSIVE || scheduledFor < at(5),
    );
    expect([...violatedBy({ ...evidence, tables: { ...evidence.tables, runs: withoutLater } })]).not.toContain('I2');
  });

  it('a late end, a late removal and a failure of the engine while a fault is on', () => {
    const long = { kind: 'dockerd-stop', target: 'dockerd', at: at(2), endedAt: at(4) };
    const late = withRun(validEvidence(), {
      status: 'failed',
      result: null,
      errorCode: 'create_failed',
      errorMessage: 'x',
      finishedAt: at(4),
    });
    expect([...violatedBy(addFault(late, long))]).not.toContain('I13');
    expect([...violatedBy(late)]).toContain('I13');
    const timeout = withRun(validEvidence(), { deadlineAt: at(2, 1_000), finishedAt: at(4, 10_000) });
    expect([...violatedBy(addFault(timeout, long))]).not.toContain('I4');
    expect([...violatedBy(timeout)]).toContain('I4');
    const { warnings = [] } = checkInvariants(addFault(timeout, long)).invariants.find(isI4) ?? {};
    expect(warnings).toEqual(['1 runs ended late in time with faults: not judged']);
  });

  it('a failure of a run that asked for it, or whose container the nemesis killed', () => {
    const failed = { status: 'failed', result: null, errorCode: 'agent_killed', errorMessage: 'x' };
    expect([...violatedBy(withRun(validEvidence(), { ...failed, prompt: 'answer x\nkill-self' }))]).not.toContain(
      'I13',
    );
    const killed = addFault(withRun(validEvidence(), failed), {
      kind: 'container-kill',
      target: `team-run-${STEADY}-2-lead`,
    });
    expect([...violatedBy(killed)]).not.toContain('I13');
  });

  it('what the design admits, as a warning', () => {
    const run = { status: 'failed', result: null, errorCode: 'delivery_unconfirmed', errorMessage: 'x' };
    const report = checkInvariants(withRun(validEvidence(), { ...run, epoch: 2 }));
    expect([...violatedIn(report)]).not.toContain('I13');
    expect(report.invariants.find(({ invariant }) => invariant === 'I13')?.warnings).toEqual([
      '1 healthy runs ended as delivery_unconfirmed, which the design admits',
    ]);
  });

  it('a prompt that no worker can confirm after a takeover or a fault of the engine, and none in peace', () => {
    const run = { status: 'failed', result: null, errorCode: 'delivery_unconfirmed', errorMessage: 'x' };
    const first = withRun(validEvidence(), run);
    expect([...violatedBy(first)]).toContain('I13');
    expect([
      ...violatedBy(addFault(first, { kind: 'cut-one', target: 'worker 1 → docker', at: at(2, 1_500) })),
    ]).not.toContain('I13');
  });

  it('an engine that fails while it is broken, and not for a connection that is made again', () => {
    const run = { status: 'failed', result: null, errorCode: 'engine_error', errorMessage: 'x' };
    const hit = (kind: string, target: string): Evidence =>
      addFault(withRun(validEvidence(), run), { kind, target, at: at(2, 1_500) });
    expect([...violatedBy(hit('half-open', 'worker 1 → docker'))]).not.toContain('I13');
    expect([...violatedBy(hit('cut-one', 'worker 1 → docker'))]).toContain('I13');
    expect([...violatedBy(hit('postgres-kill', 'postgres'))]).toContain('I13');
  });

  it('a timeout in peace of a run that asked for more time than it had, and of no other', () => {
    const late = { status: 'timeout', result: null, errorCode: 'timeout', errorMessage: 'x' };
    const asking = (prompt: string): Evidence =>
      withRun(validEvidence(), { ...late, prompt, startedAt: at(2), deadlineAt: at(2, 6_000) });
    expect([...violatedBy(asking('answer x\nwork 60s'))]).not.toContain('I13');
    expect([...violatedBy(asking('answer x\nwork 2s'))]).toContain('I13');
  });

  it('a program whose input was cut off with a connection to the engine, and no agent that can be attached again', () => {
    const failed = { status: 'failed', result: null, errorCode: 'prompt_failed', errorMessage: 'x' };
    const cut = (evidence: Evidence): Evidence =>
      addFault(evidence, { kind: 'lose-reply', target: 'worker 1 → docker', at: at(2, 1_500) });
    const program = { ...failed, agents: [{ name: 'lead', role: 'leader', protocol: 'command' }] };
    expect([...violatedBy(cut(withRun(validEvidence(), program)))]).not.toContain('I13');
    expect([...violatedBy(withRun(validEvidence(), program))]).toContain('I13');
    expect([...violatedBy(cut(withRun(validEvidence(), failed)))]).toContain('I13');
  });

  it('a run cut short has the first of its lines', () => {
    const evidence = withRun(validEvidence(), {
      status: 'cancelled',
      result: null,
      errorCode: 'cancelled',
      errorMessage: 'x',
    });
    const messages = evidence.tables.messages.map((message) =>
      message.runId === `run-${STEADY}-2` && message.seq === 2 ? { ...message, text: 'line 1\nli' } : message,
    );
    clean({ ...evidence, tables: { ...evidence.tables, messages } });
  });

  it('resources of another installation, whatever labels they carry', () => {
    const evidence = validEvidence();
    const labels = { 'crewtab.installation': `${INSTALLATION}-other`, 'crewtab.run': 'run-x' };
    clean({ ...evidence, engineLeft: [...evidence.engineLeft, { kind: 'volume', name: 'x', id: 'x', labels }] });
  });

  it('a manual run beside a fired one for the same instant', () => {
    expect(aRun(STEADY, 1, '').scheduledFor).toBe(at(1));
    clean(validEvidence({ minutes: 3 }));
  });
});
