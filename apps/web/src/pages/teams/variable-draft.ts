/** A variable of an agent, or a header: the browser never has the value of one that is stored. */
export interface VariableDraft {
  readonly name: string;
  /** `kept`: as it is stored. `set`: to `value`. `deleted`: it was stored, and goes. `secret`: `value` names a secret. */
  readonly state: 'kept' | 'set' | 'deleted' | 'secret';
  readonly value: string;
  /** It has a value of its own by that name. */
  readonly wasStored: boolean;
}

export function variablesOf(
  stored: Readonly<Record<string, unknown>>,
  secrets: Readonly<Record<string, string>> = {},
): VariableDraft[] {
  return [
    ...Object.keys(stored).map((name): VariableDraft => ({ name, state: 'kept', value: '', wasStored: true })),
    ...Object.entries(secrets).map(([name, value]): VariableDraft => {
      return { name, state: 'secret', value, wasStored: false };
    }),
  ];
}

/** Those that have a value of their own, as an edit takes them. */
export function valuesOf(variables: readonly VariableDraft[]): Record<string, unknown> {
  const entries = variables.flatMap(({ name, state, value, wasStored }): (readonly [string, unknown])[] => {
    if (name.trim() === '') return [];
    if (state === 'kept') return [[name, { isSet: true }]];
    if (state === 'deleted' || state === 'secret') return wasStored ? [[name, null]] : [];
    return [[name, value]];
  });
  return Object.fromEntries(entries);
}

/** Names of secrets by the variable that gets the value. */
export function secretsOf(variables: readonly VariableDraft[]): Record<string, string> {
  const chosen = variables.filter(({ name, state, value }) => state === 'secret' && name.trim() !== '' && value !== '');
  return Object.fromEntries(chosen.map(({ name, value }) => [name, value]));
}
