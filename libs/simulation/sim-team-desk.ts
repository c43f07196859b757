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
  /**
   * By run, as they were opened. The last one is reached: whoever has a room open wants the link of the folder for itself,
   * so that an earlier one is reached again once those after it are closed. A connection stays with whom it was made to.
   */
  private readonly rooms = new Map<string, Room[]>();
  readonly folders = new Set<string>();

  /** The desk as one worker has it. */
  for(process: SimProcess): TeamDesk {
    process.whenGone(() => {
      for (const [runId, rooms] of this.rooms)
        for (const room of rooms.filter((one) => one.process === process)) this.close(runId, room);
    });
    return {
      open: (runId, answer) =>
        process.call('desk', 'open', () => byItself(process, () => this.open(runId, process, answer))),
      list: () => process.call('desk', 'list', () => byItself(process, () => [...this.folders])),
      remove: (runId) => process.call('desk', 'remove', () => byItself(process, () => void this.folders.delete(runId))),
    };
  }

  /** One try of a call from inside a container: exactly one of the callbacks is called, once. */
  call(runId: string, call: TeamCall, answered: (answer: TeamAnswer) => void, broken: () => void): void {
    const room = this.rooms.get(runId)?.at(-1);
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

  private open(runId: string, process: SimProcess, answer: Room['answer']): TeamRoom {
    const room: Room = { process, answer, breaks: new Set() };
    this.rooms.set(runId, [...(this.rooms.get(runId) ?? []), room]);
    this.folders.add(runId);
    return {
      socketDir: `/sockets/${runId}`,
      serverFor: (agent) => ({ command: 'bridge', args: [], env: { CREWTAB_AGENT: agent } }),
      close: () => {
        if (process.state !== 'gone') this.close(runId, room);
      },
    };
  }

  private close(runId: string, room: Room): void {
    const others = (this.rooms.get(runId) ?? []).filter((one) => one !== room);
    if (others.length > 0) this.rooms.set(runId, others);
    else this.rooms.delete(runId);
    for (const breakOff of [...room.breaks]) breakOff();
  }
}

/** Nothing of it is on its way anywhere: a process that died does it no more, one that stands still does it later. */
function byItself<T>(process: SimProcess, work: () => T): Promise<T> {
  return new Promise((resolve) => process.enter(() => resolve(work())));
}
