import type { ResultChecker } from '@crewtab/domain/ports/result-checker';
import type { JsonSchema } from '@crewtab/domain/runs/verification';

/** Knows of a schema only its `required` names; one with `broken` cannot be used. */
export class FakeResultChecker implements ResultChecker {
  findFault(schema: JsonSchema): Promise<string | null> {
    return Promise.resolve('broken' in schema ? 'it is broken' : null);
  }

  check({ required = [] }: JsonSchema, value: unknown): Promise<string[]> {
    const names = required as readonly string[];
    const has = (name: string): boolean => typeof value === 'object' && value !== null && name in value;
    return Promise.resolve(names.filter((name) => !has(name)).map((name) => `it has no ${name}`));
  }
}
