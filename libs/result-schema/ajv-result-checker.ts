import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ResultChecker } from '@crewtab/domain/ports/result-checker';
import type { JsonSchema } from '@crewtab/domain/runs/verification';

/** The thread's program, beside this file. */
const PROGRAM = join(__dirname, 'schema-thread.js');
/** A schema may hold a pattern that takes years, and a value what makes it take them, ms. */
const TIME_LIMIT_MS = 5_000;
const MEMORY_LIMIT_MB = 128;
const MOST_FAULTS = 10;
const MOST_CHARS = 300;

type Answer = { readonly fault: string } | { readonly faults: readonly string[] };

/** Ajv, strict, for JSON schema 2020-12: each question in a thread of its own, which is ended when it takes too long. */
export class AjvResultChecker implements ResultChecker {
  constructor(private readonly timeLimitMs: number = TIME_LIMIT_MS) {}

  async findFault(schema: JsonSchema): Promise<string | null> {
    const answer = await this.ask(schema);
    return 'fault' in answer ? answer.fault : null;
  }

  async check(schema: JsonSchema, value: unknown): Promise<readonly string[]> {
    const answer = await this.ask(schema, value);
    return 'fault' in answer ? [answer.fault] : answer.faults;
  }

  private ask(schema: JsonSchema, value?: unknown): Promise<Answer> {
    const workerData = { schema, value, mostFaults: MOST_FAULTS, mostChars: MOST_CHARS };
    const resourceLimits = { maxOldGenerationSizeMb: MEMORY_LIMIT_MB };
    return new Promise((resolve) => {
      const thread = new Worker(PROGRAM, { workerData, resourceLimits });
      const end = (answer: Answer): void => {
        clearTimeout(timer);
        resolve(answer);
        void thread.terminate();
      };
      const timer = setTimeout(() => end({ fault: 'the schema takes too long to be checked' }), this.timeLimitMs);
      thread.once('message', (answer: Answer) => end(answer));
      thread.once('error', (error: Error) => end({ fault: `the schema cannot be checked: ${error.message}` }));
      thread.once('exit', () => end({ fault: 'the schema cannot be checked: its thread ended' }));
    });
  }
}
