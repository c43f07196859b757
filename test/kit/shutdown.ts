/** What was started, to be stopped in reverse order, whatever happens. */
export class Shutdown {
  private readonly steps: { readonly what: string; readonly stop: () => Promise<void> | void }[] = [];
  private ending: Promise<string[]> | null = null;

  /** Called once, after everything that is added later. */
  add(what: string, stop: () => Promise<void> | void): void {
    this.steps.push({ what, stop });
  }

  /** Runs all steps, also after one failed. Idempotent. @returns what did not work. */
  run(): Promise<string[]> {
    this.ending ??= this.runAll();
    return this.ending;
  }

  private async runAll(): Promise<string[]> {
    const problems: string[] = [];
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        await step.stop();
      } catch (error) {
        problems.push(`${step.what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return problems;
  }
}
