/** Most characters (UTF-16 units) that are kept as the result of a turn; the conversation has all of it. */
export const RESULT_CHARS = 1024 * 1024;

const CUT_MARK = '\n[… cut here: the conversation has the whole text]';

/** Gathers a result up to RESULT_CHARS: keeps the beginning and marks the cut. */
export class ResultText {
  private text = '';
  private isCut = false;
  private hasInk = false;

  /** True while nothing but white space came. */
  get isBlank(): boolean {
    return !this.hasInk;
  }

  add(more: string): void {
    if (!this.hasInk) this.hasInk = /\S/.test(more);
    if (this.isCut) return;
    const room = RESULT_CHARS - this.text.length;
    if (more.length <= room) {
      this.text += more;
    } else {
      this.isCut = true;
      this.text += withoutHalfCharacter(more.slice(0, room));
    }
  }

  toString(): string {
    return this.isCut ? `${this.text}${CUT_MARK}` : this.text;
  }
}

/** A cut between the two halves of a surrogate pair would leave a character that is none. */
function withoutHalfCharacter(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text;
}
