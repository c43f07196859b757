/** Things that only one fault at a time may harm: a second one is passed over. */
export class Resources {
  private readonly held = new Set<string>();

  /** @returns null when it was done, else why not. */
  async hold(name: string, harm: () => Promise<void>): Promise<string | null> {
    if (this.held.has(name)) return null;
    this.held.add(name);
    try {
      await harm();
      return null;
    } finally {
      this.held.delete(name);
    }
  }
}
