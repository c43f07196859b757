import type { AgentProtocol, TurnState } from '@crewtab/domain/ports/agent-protocol';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Warning } from '@crewtab/domain/runs/warning';

/** Listens on for a moment after an agent has ended a turn well, since some send the last words of an answer behind its end. */
export class TurnGrace {
  /** Turns that were seen to have ended well, and until when the agent may still be talking. */
  private readonly settling = new Map<string, { readonly endedAtMs: number; settlesAt: Date }>();
  /** The agent talked on for longer than it is listened to. */
  private hasTalkedOn = false;
  private hasEnded = false;

  /**
   * @param grace of the protocol; undefined where the end of a turn is its end
   * @param look called when a turn may have settled
   */
  constructor(
    private readonly grace: AgentProtocol['grace'],
    private readonly agentName: string,
    private readonly clock: Clock,
    private readonly look: () => void,
  ) {}

  get warnings(): readonly Warning[] {
    if (!this.hasTalkedOn || !this.grace) return [];
    const message = `agent "${this.agentName}" still talked ${this.grace.mostMs} ms after the end of its turn: only what it had said until then is in the result`;
    return [{ code: 'words_outside_turn', message }];
  }

  /** @returns the turn, with the instant at which it settles where it has ended well */
  of(id: string, turn: TurnState): TurnState {
    if (!this.grace || turn.status !== 'done') return turn;
    const known = this.settling.get(id);
    if (known) return { ...turn, settlesAt: known.settlesAt };
    const endedAtMs = this.clock.now().getTime();
    const settlesAt = new Date(endedAtMs + (this.hasEnded ? 0 : this.grace.quietMs));
    this.settling.set(id, { endedAtMs, settlesAt });
    this.lookAt(settlesAt);
    return { ...turn, settlesAt };
  }

  /** The agent has written a line. @returns whether that keeps a turn from settling */
  prolong(): boolean {
    if (!this.grace) return false;
    const { quietMs, mostMs } = this.grace;
    const now = this.clock.now();
    let isLonger = false;
    for (const turn of this.settling.values()) {
      if (turn.settlesAt <= now) continue;
      const lastMs = turn.endedAtMs + mostMs;
      this.hasTalkedOn ||= now.getTime() + quietMs > lastMs;
      turn.settlesAt = new Date(Math.min(now.getTime() + quietMs, lastMs));
      this.lookAt(turn.settlesAt);
      isLonger = true;
    }
    return isLonger;
  }

  /** The agent has ended: it says nothing any more, and its turns have settled. */
  end(): void {
    this.hasEnded = true;
    for (const turn of this.settling.values()) turn.settlesAt = new Date(turn.endedAtMs);
  }

  /** Looks at that instant or later, whatever happens: nothing else may come from an agent whose turn is over. */
  private lookAt(at: Date): void {
    const inMs = at.getTime() - this.clock.now().getTime();
    // A timer may fire a moment before the instant. The time moves on between two readings, so only one of them decides.
    this.clock.after(Math.max(0, inMs), () => (this.clock.now() < at ? this.lookAt(at) : this.look()));
  }
}
