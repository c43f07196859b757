import type { Clock } from '@crewtab/domain/ports/clock';
import type { DelegationStore } from '@crewtab/domain/ports/delegation-store';
import type { Claim, RunStore } from '@crewtab/domain/ports/run-store';
import { LONGEST_NOTE_CHARS, MOST_NOTES, type TeamNote } from '@crewtab/domain/runs/delegation';
import { retrying } from '../timing';
import type { RunOutput } from './run-output';

export interface TeamNotesOptions {
  readonly store: Pick<RunStore, 'appendMessages'>;
  readonly notes: Pick<DelegationStore, 'listNotes'>;
  readonly clock: Clock;
  readonly claim: Claim;
  readonly output: RunOutput;
}

/** Of all notes that are read at once, the newest: characters. */
const READ_CHARS = 32 * 1024;

/**
 * What the agents of a team write down for each other. Each note is a message of the conversation, which is where a worker
 * that adopts the run finds it.
 */
export class TeamNotes {
  private readonly known = new Map<string, TeamNote>();
  /** One after the other, so that a call which comes twice at once is written once. */
  private writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: TeamNotesOptions) {}

  async restore(): Promise<void> {
    for (const note of await this.options.notes.listNotes(this.options.claim)) this.known.set(note.id, note);
  }

  /** @returns why it is not taken; null once it is stored */
  add(note: TeamNote): Promise<string | null> {
    const added = this.writing.then(() => this.write(note));
    this.writing = added.catch(() => undefined);
    return added;
  }

  /** The newest, oldest of them first. */
  read(): string {
    const lines: string[] = [];
    let chars = 0;
    for (const { agent, text } of [...this.known.values()].reverse()) {
      chars += agent.length + text.length + 3;
      if (chars > READ_CHARS) break;
      lines.unshift(`${agent}: ${text}`);
    }
    const left = this.known.size - lines.length;
    return (
      [...(left > 0 ? [`(${left} older notes are left out)`] : []), ...lines].join('\n') || 'There are no notes yet.'
    );
  }

  private async write(note: TeamNote): Promise<string | null> {
    const { store, clock, claim, output } = this.options;
    if (this.known.has(note.id)) return null;
    if (note.text.length > LONGEST_NOTE_CHARS)
      return `"text" has ${note.text.length} characters, and may have ${LONGEST_NOTE_CHARS}: put the rest into a file of the shared workspace`;
    if (this.known.size >= MOST_NOTES) return `a run has at most ${MOST_NOTES} notes, and this one has had them`;
    const { id, agent, text } = note;
    const message = { agent, kind: 'system', content: { text, note: id }, at: clock.now() } as const;
    await retrying(
      clock,
      () => false,
      () => store.appendMessages(claim, [message]),
    );
    this.known.set(id, note);
    output.noteStored(1);
    output.noteDelegated(agent, text.length);
    return null;
  }
}
