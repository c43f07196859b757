import { ADVICE } from './advice';
import { CATCH_UP_WORDS, NETWORK_WORDS, OVERLAP_WORDS } from './policy-words';
import { REQUEST_ADVICE } from './request-advice';
import { PHASE_WORDS, STATUS_WORDS, TRIGGER_WORDS } from './run-words';

/** What one word of the pages, of the API and of the documents means. */
export interface GlossaryEntry {
  /** As addresses have it: `/help/failed`. */
  readonly code: string;
  /** As pages show it. */
  readonly name: string;
  readonly meaning: string;
  readonly advice?: string;
}

export interface GlossarySection {
  readonly title: string;
  readonly entries: readonly GlossaryEntry[];
}

const TRIGGER_MEANING: Readonly<Record<keyof typeof TRIGGER_WORDS, string>> = {
  schedule: 'Its instant came while a scheduler was there.',
  manual: 'A person, or a program with an API key, asked for it.',
  catchup: 'Its instant was found late, after no scheduler had been running, and the catch-up policy asked for it.',
  rerun: 'A person asked for an earlier run again: the same prompt, team and timeout as that one had.',
};

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.]$/.test(text) ? '' : '.'}`;

function entriesOf(words: Readonly<Record<string, string>>, prefix: string): GlossaryEntry[] {
  return Object.entries(words).map(([name, meaning]) => ({
    code: `${prefix}${name}`,
    name,
    meaning: sentence(meaning),
  }));
}

function entriesOfAdvice(words: typeof ADVICE): GlossaryEntry[] {
  return Object.entries(words).map(([code, { meaning, advice }]) => ({ code, name: code, meaning, advice }));
}

/** Every word that a `?` leads to. Statuses and codes have plain addresses, what would clash with them a prefix. */
export const GLOSSARY: readonly GlossarySection[] = [
  { title: 'Statuses of runs', entries: entriesOf(STATUS_WORDS, '') },
  { title: 'Phases of runs', entries: entriesOf(PHASE_WORDS, 'phase-') },
  {
    title: 'Why a run was made',
    entries: Object.entries(TRIGGER_MEANING).map(([trigger, meaning]) => ({
      ...{ code: `trigger-${trigger}`, meaning },
      name: TRIGGER_WORDS[trigger as keyof typeof TRIGGER_WORDS],
    })),
  },
  { title: 'Overlap: a run is due while another is active', entries: entriesOf(OVERLAP_WORDS, 'overlap-') },
  { title: 'Catch-up: instants found late', entries: entriesOf(CATCH_UP_WORDS, 'catch-up-') },
  { title: 'Networks of teams', entries: entriesOf(NETWORK_WORDS, 'network-') },
  { title: 'Codes of runs', entries: entriesOfAdvice(ADVICE).filter(({ code }) => !(code in STATUS_WORDS)) },
  { title: 'Codes of refused requests, and between the parts', entries: entriesOfAdvice(REQUEST_ADVICE) },
];

/** A status that is a code too has the advice of the code. */
export function findEntry(code: string): GlossaryEntry | undefined {
  const entry = GLOSSARY.flatMap(({ entries }) => entries).find((one) => one.code === code);
  const advice = ADVICE[code]?.advice;
  return entry && advice !== undefined ? { ...entry, advice } : entry;
}
