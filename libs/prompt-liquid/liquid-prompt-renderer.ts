import { AppError } from '@crewtab/domain/errors';
import { describeFault, type PromptRenderer, type TemplateFault } from '@crewtab/domain/ports/prompt-renderer';
import type { PromptFacts, PromptVariables } from '@crewtab/domain/runs/prompt-facts';
import { Liquid, type LiquidError, type Template } from 'liquidjs';

const LIMITS = {
  /** Characters of a template. */
  parse: 200_000,
  /** Of one rendering, ms. */
  renderMs: 250,
  /** What strings and lists of one rendering may come to, in the library's own count. */
  memory: 10_000_000,
  /** Characters of a rendered prompt. */
  promptChars: 200_000,
} as const;

/** Tags that read other templates, from files. */
const READING_TAGS = ['include', 'render', 'layout', 'block'];

/** What stands for the rest of a long result of the last run. */
const LONGEST_RESULT = 20_000;

/** What a template may name, each with the fields that it has; `variables` has those of the schedule. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  scheduledFor: [],
  window: ['start', 'end'],
  lastRun: ['status', 'result', 'finishedAt'],
  run: ['id'],
  schedule: ['name', 'timezone'],
};

/** LiquidJS with nothing but its own tags and filters. A name or filter that there is not is an error, never an empty text. */
export class LiquidPromptRenderer implements PromptRenderer {
  findFaults(template: string, variables: PromptVariables): readonly TemplateFault[] {
    const engine = makeEngine('UTC');
    try {
      return findUnknownNames(engine, engine.parse(template), variables);
    } catch (error) {
      return [toFault(error)];
    }
  }

  render(template: string, facts: PromptFacts): string {
    const engine = makeEngine(facts.timezone);
    let text: string;
    try {
      text = String(engine.parseAndRenderSync(template, scopeOf(facts)));
    } catch (error) {
      throw failed(describeFault(toFault(error)), error);
    }
    if (text.trim() === '') throw failed('it renders to nothing');
    if (text.length > LIMITS.promptChars)
      throw failed(`it renders to ${text.length} characters; the limit is ${LIMITS.promptChars}`);
    return text;
  }
}

function makeEngine(timezoneOffset: string): Liquid {
  const engine = new Liquid({
    ...{ strictVariables: true, strictFilters: true, ownPropertyOnly: true, timezoneOffset },
    // Without it partials would be looked for in the working directory.
    ...{ templates: {}, relativeReference: false },
    ...{ parseLimit: LIMITS.parse, renderLimit: LIMITS.renderMs, memoryLimit: LIMITS.memory },
  });
  for (const tag of READING_TAGS) delete engine.tags[tag];
  return engine;
}

/** Instants are texts, so that they can stand in a prompt as they are; the filter `date` reads them. */
function scopeOf({ runId, scheduleName, timezone, window, lastRun, variables }: PromptFacts): object {
  return {
    scheduledFor: window.end.toISOString(),
    window: { start: window.start.toISOString(), end: window.end.toISOString() },
    lastRun: {
      status: lastRun?.status ?? null,
      result: typeof lastRun?.result === 'string' ? shorten(lastRun.result) : null,
      finishedAt: lastRun?.finishedAt.toISOString() ?? null,
    },
    run: { id: runId },
    schedule: { name: scheduleName, timezone },
    variables: { ...variables },
  };
}

function shorten(text: string): string {
  return text.length <= LONGEST_RESULT ? text : `${text.slice(0, LONGEST_RESULT)}\n[… cut here]`;
}

function findUnknownNames(engine: Liquid, parsed: Template[], variables: PromptVariables): TemplateFault[] {
  const { globals } = engine.analyzeSync(parsed, { partials: false });
  const names: Readonly<Record<string, readonly string[]>> = { ...NAMES, variables: Object.keys(variables) };
  return Object.values(globals)
    .flat()
    .flatMap(({ segments, location: { row: line, col: column } }) => {
      const [root, field] = segments.map((segment) => (typeof segment === 'object' ? null : String(segment)));
      const message = findNameFault(names, root ?? '', field);
      return message === null ? [] : [{ line, column, message }];
    })
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

/** @param field null where it is computed, which only the rendering knows */
function findNameFault(
  names: Readonly<Record<string, readonly string[]>>,
  root: string,
  field: string | null | undefined,
): string | null {
  const fields = Object.hasOwn(names, root) ? names[root] : undefined;
  if (!fields) return `there is no "${root}"; there are ${Object.keys(names).join(', ')}`;
  if (typeof field !== 'string' || fields.length === 0 || fields.includes(field)) {
    return root === 'variables' && fields.length === 0 && typeof field === 'string'
      ? `there is no "variables.${field}": the schedule has no variables`
      : null;
  }
  return `there is no "${root}.${field}"; there are ${fields.map((name) => `${root}.${name}`).join(', ')}`;
}

function toFault(error: unknown): TemplateFault {
  const { token, message, originalError } = error as Partial<LiquidError> & { readonly originalError?: Error };
  const [line = 1, column = 1] = (token as { getPosition?: () => number[] } | undefined)?.getPosition?.() ?? [];
  const words = originalError?.message ?? message ?? String(error);
  return { line, column, message: words.replace(/, line:\d+, col:\d+$/, '') };
}

function failed(words: string, cause?: unknown): AppError {
  return new AppError('template_failed', `the prompt could not be rendered: ${words}`, { cause });
}
