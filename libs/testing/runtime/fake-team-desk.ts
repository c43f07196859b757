import type { TeamAnswer, TeamCall, TeamDesk, TeamRoom } from '@crewtab/domain/ports/team-desk';

/** The team desk without sockets: a test calls a run's tools by `call`. */
export class FakeTeamDesk implements TeamDesk {
  private readonly rooms = new Map<string, (call: TeamCall) => Promise<TeamAnswer>>();
  private readonly made = new Set<string>();

  open(runId: string, answer: (call: TeamCall) => Promise<TeamAnswer>): Promise<TeamRoom> {
    this.rooms.set(runId, answer);
    this.made.add(runId);
    return Promise.resolve({
      socketDir: `/sockets/${runId}`,
      serverFor: (agent) => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
      close: () => {
        if (this.rooms.get(runId) === answer) this.rooms.delete(runId);
      },
    });
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.made]);
  }

  remove(runId: string): Promise<void> {
    this.made.delete(runId);
    return Promise.resolve();
  }

  /** Rejects when nobody listens, as a bridge's connection would. */
  async call(runId: string, call: TeamCall): Promise<TeamAnswer> {
    const answer = this.rooms.get(runId);
    if (!answer) throw new Error('nobody listens');
    return answer(call);
  }
}
