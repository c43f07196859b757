import type { SecretValues } from '@crewtab/domain/runs/run';
import { formsOf } from './secret-forms';

interface Form {
  readonly text: string;
  /** What stands in its place. */
  readonly mark: string;
}

/** Each form is found by so many first characters; none is shorter. */
const HEAD = 8;
/** Of the table that tells with which three characters a form begins. */
const TABLE_BITS = 16;
const SLOTS = 2 ** TABLE_BITS - 1;
/** A cut text that ends with so much of a secret is masked there, too. */
const TELLING_CHARS = 16;
/** How texts end that were cut. */
const CUT = /(?:…|\.\.\.|\n\[… cut here: the conversation has the whole text\])$/;

/**
 * Masks the values of a run's secrets, in the forms of `formsOf`, in decoded strings. What is found first is masked, the longest
 * of what begins there. The cost is one look into a table for each character, however many secrets there are.
 */
export class SecretMask {
  private readonly byHead = new Map<string, Form[]>();
  /** All proper beginnings of forms that are shorter than HEAD. */
  private readonly beginnings = new Set<string>();
  private readonly table = new Uint8Array(SLOTS + 1);
  private longest = 0;

  constructor(secrets: SecretValues) {
    const known = new Set<string>();
    for (const [name, value] of Object.entries(secrets)) {
      for (const text of formsOf(value)) {
        if (known.has(text)) continue;
        known.add(text);
        this.add({ text, mark: `[secret:${name}]` });
      }
    }
    for (const forms of this.byHead.values()) forms.sort((a, b) => b.text.length - a.text.length);
  }

  get isEmpty(): boolean {
    return this.longest === 0;
  }

  /** A text that stands for itself. One that ends in the middle of a secret was cut, and what tells of the secret is masked. */
  text(text: string): string {
    if (this.isEmpty || text.length < HEAD) return text;
    const { done, held } = this.split(text);
    return held === '' && !CUT.test(text) ? done : this.last(text);
  }

  /** A value of JSON, with the names of its fields. What has no secret in it stays the same object. */
  deep<T>(value: T): T {
    return this.isEmpty ? value : (this.maskValue(value) as T);
  }

  /**
   * What of a text that goes on can be told, masked, and what must wait because it may be the beginning of a secret.
   */
  split(text: string): { readonly done: string; readonly held: string } {
    return this.scan(text, true);
  }

  /** The last of a text: nothing comes after it. */
  last(text: string): string {
    const cut = CUT.exec(text)?.[0] ?? '';
    const body = cut === '' ? text : text.slice(0, -cut.length);
    const { done } = this.scan(body, false);
    return done + cut;
  }

  private add(form: Form): void {
    const head = form.text.slice(0, HEAD);
    const forms = this.byHead.get(head);
    if (forms) forms.push(form);
    else this.byHead.set(head, [form]);
    for (let length = 1; length < HEAD; length++) this.beginnings.add(head.slice(0, length));
    this.table[slotOf(form.text, 0)] = 1;
    this.longest = Math.max(this.longest, form.text.length);
  }

  private scan(text: string, goesOn: boolean): { readonly done: string; readonly held: string } {
    const { table } = this;
    const parts: string[] = [];
    const end = text.length;
    const tailFrom = end - this.longest;
    let from = 0;
    for (let at = 0; at < end;) {
      if (at + 2 < end && table[slotOf(text, at)] === 0) {
        at += 1;
        continue;
      }
      const isTail = at > tailFrom;
      if (isTail && goesOn && this.mayGoOn(text, at))
        return { done: parts.join('') + text.slice(from, at), held: text.slice(at) };
      const found = this.formAt(text, at) ?? (isTail ? this.cutFormAt(text, at) : null);
      if (found) {
        parts.push(text.slice(from, at), found.mark);
        at = Math.min(end, at + found.text.length);
        from = at;
      } else at += 1;
    }
    return { done: parts.length === 0 && from === 0 ? text : parts.join('') + text.slice(from), held: '' };
  }

  private formAt(text: string, at: number): Form | null {
    const forms = this.byHead.get(text.slice(at, at + HEAD));
    return forms?.find((form) => text.startsWith(form.text, at)) ?? null;
  }

  /** Whether the text from there to its end is a beginning of a form, and not all of it. */
  private mayGoOn(text: string, at: number): boolean {
    return text.length - at < HEAD ? this.beginnings.has(text.slice(at)) : this.openForms(text, at).length > 0;
  }

  private openForms(text: string, at: number): readonly Form[] {
    const forms = this.byHead.get(text.slice(at, at + HEAD));
    if (!forms) return [];
    const rest = text.slice(at);
    return forms.filter((form) => form.text.length > rest.length && form.text.startsWith(rest));
  }

  /** A form whose beginning ends the text, where that tells enough of the secret to be worth a mask. */
  private cutFormAt(text: string, at: number): Form | null {
    const chars = text.length - at;
    return this.openForms(text, at).find((form) => chars >= tellingChars(form)) ?? null;
  }

  private maskValue(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return this.maskArray(value);
    if (typeof value !== 'object' || value === null || value instanceof Date) return value;
    if (value instanceof Map) return new Map([...value].map(([key, inner]) => [key, this.maskValue(inner)] as const));
    let isChanged = false;
    const entries = Object.entries(value).map(([key, inner]) => {
      const entry = [this.text(key), this.maskValue(inner)] as const;
      isChanged ||= entry[0] !== key || entry[1] !== inner;
      return entry;
    });
    return isChanged ? Object.fromEntries(entries) : value;
  }

  private maskArray(values: readonly unknown[]): unknown {
    let isChanged = false;
    const masked = values.map((inner) => {
      const one = this.maskValue(inner);
      isChanged ||= one !== inner;
      return one;
    });
    return isChanged ? masked : values;
  }
}

function slotOf(text: string, at: number): number {
  const first = Math.imul(text.charCodeAt(at), 0x9e37);
  const second = Math.imul(text.charCodeAt(at + 1), 0x85eb);
  return (first ^ second ^ Math.imul(text.charCodeAt(at + 2), 0xc2b3)) & SLOTS;
}

function tellingChars({ text }: Form): number {
  return Math.max(HEAD, Math.min(TELLING_CHARS, Math.ceil(text.length / 2)));
}
