import type { JsonSchema } from '../runs/verification';

/**
 * Judges what agents answered by JSON schemas. Neither a schema nor an answer can take more than a short time, whatever is
 * in it: what takes longer is told like any other fault.
 */
export interface ResultChecker {
  /** Why the schema cannot be used; null: it can. */
  findFault(schema: JsonSchema): Promise<string | null>;

  /** What of the value is not as the schema has it, the first few; empty: nothing. */
  check(schema: JsonSchema, value: unknown): Promise<readonly string[]>;
}
