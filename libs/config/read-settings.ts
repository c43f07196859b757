import { z } from 'zod';
import { processEnvironment, type Environment } from './process-environment';
import { SETTINGS, type SettingName, type SettingValue } from './settings';

export interface SettingProblem {
  readonly name: SettingName;
  /** Starts with a verb: goes behind the name. */
  readonly problem: string;
}

/** The settings are not usable. Its message lists every bad one, with what is wrong and an example, for the terminal. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly SettingProblem[]) {
    const lines = problems.map(({ name, problem }) => `  ${name} ${problem}; for example ${name}=${exampleOf(name)}`);
    super(
      `${problems.length === 1 ? 'One setting is' : `${problems.length} settings are`} not valid:\n${lines.join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

export type SettingValues<N extends SettingName> = { readonly [K in N]: SettingValue<K> };

/**
 * Reads the named settings, all of them, before it complains about any. An empty variable counts as not set, since
 * compose files and shells hand over empty ones. `check` finds contradictions between values that are fine alone.
 * @throws ConfigError
 */
export function readSettings<N extends SettingName>(
  environment: Environment,
  names: readonly N[],
  check: (values: SettingValues<N>) => readonly SettingProblem[] = () => [],
): SettingValues<N> {
  const shape = Object.fromEntries(names.map((name) => [name, SETTINGS[name].schema]));
  const given = Object.fromEntries(names.map((name) => [name, valueOf(environment, name)]));
  const parsed = z.object(shape).safeParse(given);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map((issue) => toProblem(issue, given)));
  const values = parsed.data as SettingValues<N>;
  const contradictions = check(values);
  if (contradictions.length > 0) throw new ConfigError(contradictions);
  return values;
}

/** A setting as a process has it. */
export interface SettingInForce {
  readonly name: SettingName;
  /** Null for secrets, and where there is none. */
  readonly value: string | null;
  readonly isDefault: boolean;
  readonly isSecret: boolean;
}

/** The named settings as they are in force, for people; of secrets only whether they are set. */
export function settingsInForce(environment: Environment, names: readonly SettingName[]): SettingInForce[] {
  return names.map((name) => {
    const { isSecret, default: byDefault } = SETTINGS[name];
    const value = valueOf(environment, name)?.trim() ?? byDefault;
    return { name, value: isSecret ? null : value, isDefault: value === byDefault, isSecret };
  });
}

/** One sentence for each variable that is read under the name it had in an earlier version. */
export function describeFormerNames(environment: Environment = processEnvironment()): string[] {
  const settings = Object.entries<{ readonly formerName: string | null }>(SETTINGS);
  return settings.flatMap(([name, { formerName }]) =>
    formerName !== null && environment[formerName]?.trim()
      ? [`${formerName} is now ${name}: the old name still works, and a later version drops it`]
      : [],
  );
}

function valueOf(environment: Environment, name: SettingName): string | undefined {
  const { formerName } = SETTINGS[name];
  const names = formerName === null ? [name] : [name, formerName];
  return names.map((one) => environment[one]).find((value) => value?.trim());
}

function toProblem(issue: z.core.$ZodIssue, given: Environment): SettingProblem {
  const name = issue.path[0] as SettingName;
  const text = given[name];
  const shown =
    text === undefined || SETTINGS[name].isSecret
      ? ''
      : `(now "${text.length > 60 ? `${text.slice(0, 60)}…` : text}") `;
  return { name, problem: `${shown}${issue.message}` };
}

/** An example that is a sentence is shown as one. */
function exampleOf(name: SettingName): string {
  const { example } = SETTINGS[name];
  return example.includes(' ') ? `<${example}>` : example;
}
