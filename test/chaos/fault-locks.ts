/** Keeps faults that would act on the same target from overlapping. */
export class FaultLocks {
  private readonly held = new Map<string, Promise<void>>();
  private isClosed = false;

  /** Skips the fault while another one has the target. @returns null, as `injectFault` does for a fault that was done */
  async hold(name: string, inject: () => Promise<void>): Promise<null> {
    if (!this.held.has(name) && !this.isClosed) await this.occupy(name, inject);
    return null;
  }

  /** Waits for the faults before it: for kinds that come so seldom that none may be skipped. */
  async holdInTurn(name: string, inject: () => Promise<void>): Promise<null> {
    for (let other = this.held.get(name); other; other = this.held.get(name)) await other;
    return this.hold(name, inject);
  }

  /** Nothing begins any more. */
  close(): void {
    this.isClosed = true;
  }

  private async occupy(name: string, inject: () => Promise<void>): Promise<void> {
    const done = inject();
    const isFree = done.then(
      () => void this.held.delete(name),
      () => void this.held.delete(name),
    );
    this.held.set(name, isFree);
    await isFree;
    await done;
  }
}
