import { checkInvariants } from './check-evidence';
import { formatReport } from './format-report';
import { SPOILT } from './spoilt-evidence.spec-support';
import { validEvidence } from './valid-evidence.spec-support';

describe('formatReport', () => {
  it('says what was checked and the bound that follows', () => {
    const report = checkInvariants(validEvidence());
    expect([report.rows > report.runs, report.runs > 0]).toEqual([true, true]);
    const text = formatReport(report);
    expect(text).toContain('I1   ✓');
    expect(text).toContain(`${report.runs} runs begun under faults (${report.rows} rows of runs)`);
    expect(text).toContain(
      `0 violations; with 95 % confidence fewer than ${(300 / report.runs).toPrecision(2)} % of runs`,
    );
  });

  it('names each violation, and what was not tested', () => {
    const twin = SPOILT.find(({ invariant }) => invariant === 'I1');
    const text = formatReport(checkInvariants(twin?.spoil({ ...validEvidence(), prompts: [] }) ?? validEvidence()));
    expect(text).toContain('✗ I1 2026-06-01T12:02:00.000Z schedule schedule-steady: 2 rows');
    expect(text).toContain('I5   ✗ not tested (0 checked)');
    expect(text).toMatch(/\d+ violations$/);
  });
});
