import type { TeamAnswer, TeamCall, TeamDesk, TeamRoom } from '@crewtab/domain/ports/team-desk';
import type { SimProcess } from './sim-process';

interface Room {
  readonly process: SimProcess;
  readonly answer: (call: TeamCall) => Promise<TeamAnswer>;
  /** Breaks the connections of the calls under way. */
  readonly breaks: Set<() => void>;
}

/** The socket folders of one host. They outlive workers; the listeners in them do not. */
export class SimTeamDesk {
  private readonly rooms = new Map<string, Room>();
  readonly folders = new Set<string>();

  /** The desk as one worker has it. */
  for(process: SimProcess): TeamDesk {
    process.whenGone(() => {
      for (const [runId, room] of this.rooms) if (room.process === process) this.close(runId, room);
    });
    return {
      open: (runId, answer) => {
        const room: Room = { process, answer, breaks: new Set() };
        const earlier = this.rooms.get(runId);
        if (earlier) this.close(runId, earlier);
        this.rooms.set(runId, room);
        this.folders.add(runId);
        return Promise.resolve(this.roomFor(runId, room));
      },
      list: () => Promise.resolve([...this.folders]),
      remove: (runId) => {
        this.folders.delete(runId);
        return Promise.resolve();
      },
    };
  }

  /** One try of a call from inside a container: exactly one of the callbacks is called, once. */
  call(runId: string, call: TeamCall, answered: (answer: TeamAnswer) => void, broken: () => void): void {
    const room = this.rooms.get(runId);
    if (!room) return broken();
    let isOver = false;
    const end = (tell: () => void): void => {
      if (isOver) return;
      isOver = true;
      room.breaks.delete(breakOff);
      tell();
    };
    const breakOff = (): void => end(broken);
    room.breaks.add(breakOff);
    room.process.enter(() => {
      room.answer(call).then(
        (answer) => end(() => answered(answer)),
        () => end(broken),
      );
    });
  }

  private roomFor(runId: string, room: Room): TeamRoom {
    return {
      socketDir: `/sockets/${runId}`,
      serverFor: (agent) => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
      close: () => {
        if (room.process.state !== 'gone') this.close(runId, room);
      },
    };
  }

  private close(runId: string, room: Room): void {
    if (this.rooms.get(runId) === room) this.rooms.delete(runId);
    for (const breakOff of [...room.breaks]) breakOff();
  }
}
