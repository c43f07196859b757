import type { Schedule } from '../api/client';

/** One sentence for each policy. */
export const OVERLAP_WORDS: Readonly<Record<Schedule['overlap'], string>> = {
  allow: 'A due run starts beside those that still run.',
  skip: 'A due run is skipped while another one is active.',
  queue: 'A due run waits until the one before has ended; none is lost.',
  replace: 'A due run takes the place of the active one, which is cancelled.',
};

export const CATCH_UP_WORDS: Readonly<Record<Schedule['catchUp'], string>> = {
  none: 'What was missed while no scheduler ran stays missed.',
  latest: 'Of what was missed, only the newest instant is run afterwards.',
  all: 'Everything that was missed within the window is run afterwards.',
};
