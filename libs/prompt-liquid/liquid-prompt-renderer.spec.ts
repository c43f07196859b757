import type { PromptFacts } from '@crewtab/domain/runs/prompt-facts';
import { describeFault } from '@crewtab/domain/ports/prompt-renderer';
import { LiquidPromptRenderer } from './liquid-prompt-renderer';

const renderer = new LiquidPromptRenderer();
const FACTS: PromptFacts = {
  runId: 'run-1',
  scheduleName: 'Stand-up',
  timezone: 'Europe/Berlin',
  window: { start: new Date('2026-11-30T08:00:00Z'), end: new Date('2026-12-01T08:00:00Z') },
  lastRun: { status: 'failed', result: null, finishedAt: new Date('2026-11-30T09:00:00Z') },
  variables: { team: 'web', limit: 3, isLoud: true },
};
const render = (template: string, facts: Partial<PromptFacts> = {}): string =>
  renderer.render(template, { ...FACTS, ...facts });
const faults = (template: string): string[] => renderer.findFaults(template, FACTS.variables).map(describeFault);

describe('a template', () => {
  it('knows the run, its window, the last run, the schedule and its variables', () => {
    const template =
      '{{ run.id }}|{{ schedule.name }}|{{ schedule.timezone }}|{{ scheduledFor }}|{{ window.start }}|{{ window.end }}|' +
      '{{ lastRun.status }}|{{ lastRun.result }}|{{ lastRun.finishedAt }}|{{ variables.team }}|{{ variables.limit | plus: 1 }}';
    expect(faults(template)).toEqual([]);
    expect(render(template)).toBe(
      'run-1|Stand-up|Europe/Berlin|2026-12-01T08:00:00.000Z|2026-11-30T08:00:00.000Z|2026-12-01T08:00:00.000Z|' +
        'failed||2026-11-30T09:00:00.000Z|web|4',
    );
  });

  it('writes dates in the time zone of the schedule', () => {
    expect(render('{{ window.start | date: "%d.%m.%Y %H:%M" }}')).toBe('30.11.2026 09:00');
    expect(render('{{ window.start | date: "%H:%M" }}', { timezone: 'America/New_York' })).toBe('03:00');
  });

  it('of a first run has a last one without anything', () => {
    const template = '{% if lastRun.status %}again{% else %}first{% endif %}';
    expect(render(template, { lastRun: null })).toBe('first');
    expect(render(template)).toBe('again');
  });

  it('has loops, conditions and names of its own', () => {
    const template =
      '{% assign n = variables.limit %}{% for i in (1..n) %}{{ i }}{% unless forloop.last %},{% endunless %}{% endfor %}';
    expect(faults(template)).toEqual([]);
    expect(render(template)).toBe('1,2,3');
  });

  it('cuts a long result of the last run', () => {
    const lastRun = { status: 'success', result: 'x'.repeat(30_000), finishedAt: new Date() } as const;
    expect(render('{{ lastRun.result }}', { lastRun })).toBe(`${'x'.repeat(20_000)}\n[… cut here]`);
  });

  it.each([
    [
      'a name that there is not',
      'Hello\n  {{ windw.start }}',
      'line 2, column 6: there is no "windw"; there are scheduledFor',
    ],
    [
      'a field that there is not',
      '{{ window.begin }}',
      'line 1, column 4: there is no "window.begin"; there are window.start, window.end',
    ],
    [
      'a variable that there is not',
      '{{ variables.tem }}',
      'line 1, column 4: there is no "variables.tem"; there are variables.team',
    ],
    ['a name in a condition', '{% if foo %}{% endif %}', 'line 1, column 7: there is no "foo"'],
    ['what every object has', '{{ run.constructor }}', 'line 1, column 4: there is no "run.constructor"'],
    ['a filter that there is not', '{{ run.id | shout }}', 'line 1, column 1: undefined filter: shout'],
    ['a tag that there is not', '{% foo %}', 'line 1, column 1: tag "foo" not found'],
    ['a tag that reads files', '{% include "/etc/passwd" %}', 'line 1, column 1: tag "include" not found'],
    ['another one', '{% render "x" %}', 'line 1, column 1: tag "render" not found'],
    ['another one', '{% layout "x" %}', 'line 1, column 1: tag "layout" not found'],
    ['what is not closed', 'a {{ run.id', 'line 1, column 3: output "{{ run.id" not closed'],
  ])('with %s is refused at its place', (_what, template, words) => {
    expect(faults(template)).toEqual([expect.stringContaining(words)]);
    expect(() => render(template)).toThrow(expect.objectContaining({ code: 'template_failed' }) as Error);
  });

  it('names every fault at once, in order', () => {
    expect(faults('{{ b }}\n{{ a }}').map((words) => words.slice(0, 16))).toEqual([
      'line 1, column 4',
      'line 2, column 4',
    ]);
  });

  it.each([
    [
      'takes too long',
      '{% for i in (1..3000) %}{% for j in (1..3000) %}{% for k in (1..3000) %}{% endfor %}{% endfor %}{% endfor %}',
      'render limit',
    ],
    ['takes too much memory', '{% for i in (1..100000000) %}{% endfor %}', 'memory alloc limit'],
    [
      'becomes too long',
      // Few steps, so that a busy machine does not come to the limit of time before.
      `{% for i in (1..6) %}${'x'.repeat(40_000)}{% endfor %}`,
      'the limit is 200000',
    ],
    ['becomes nothing', '{% if false %}x{% endif %}', 'it renders to nothing'],
    ['computes a name that there is not', '{{ variables[run.id] }}', 'line 1, column 4: undefined variable'],
  ])('that %s is not rendered', (_what, template, words) => {
    expect(() => render(template)).toThrow(words);
  });

  it('takes what an earlier run said as text, and not as a template', () => {
    const lastRun = { status: 'success', result: '{{ run.id }}{% include "x" %}', finishedAt: new Date() } as const;
    expect(render('{{ lastRun.result }}', { lastRun })).toBe('{{ run.id }}{% include "x" %}');
  });
});
