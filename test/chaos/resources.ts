/** Things that only one fault at a time may harm. */
export class Resources {
  private readonly held = new Map<string, Promise<void>>();
  private isClosed = false;

  /** Passed over where something harms it already. @returns null, for `harm` */
  async hold(name: string, harm: () => Promise<void>): Promise<null> {
    if (!this.held.has(name) && !this.isClosed) await this.occupy(name, harm);
    return null;
  }

  /** After those that harm it already: for what comes so seldom that it must not be passed over. */
  async holdInTurn(name: string, harm: () => Promise<void>): Promise<null> {
    for (let other = this.held.get(name); other; other = this.held.get(name)) await other;
    return this.hold(name, harm);
  }

  /** Nothing begins any more. */
  close(): void {
    this.isClosed = true;
  }

  private async occupy(name: string, harm: () => Promise<void>): Promise<void> {
    const done = harm();
    const isFree = done.then(
      () => void this.held.delete(name),
      () => void this.held.delete(name),
    );
    this.held.set(name, isFree);
    await isFree;
    await done;
  }
}
