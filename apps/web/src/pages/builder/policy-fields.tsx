import { CATCH_UP_WORDS, OVERLAP_WORDS } from '@crewtab/words/policy-words';
import { formatSpan } from '../../time/format-time';
import type { Draft } from './draft';
import { planCatchUp, planOverlap, type PlannedBar } from './policy-plans';

const WIDTH = 260;
const BAR = 6;
/** How many instants a picture shows. */
const SHOWN = 5;

type Overlap = Draft['overlap'];
type CatchUp = Draft['catchUp'];

/** One choice of several, each with what it makes of this schedule. */
function Choices<T extends string>({
  legend,
  name,
  value,
  words,
  onChange,
  picture,
  caption,
}: {
  readonly legend: string;
  readonly name: string;
  readonly value: T;
  readonly words: Readonly<Record<T, string>>;
  readonly onChange: (value: T) => void;
  readonly picture: (value: T) => React.ReactNode;
  readonly caption: React.ReactNode;
}) {
  return (
    <fieldset className="flex flex-col gap-1.5">
      <legend className="mb-1.5 font-medium">
        {legend} <span className="font-normal text-soft">{caption}</span>
      </legend>
      <div className="grid gap-2 rail:grid-cols-2">
        {(Object.keys(words) as T[]).map((one) => (
          <label
            key={one}
            className="flex cursor-pointer flex-col gap-1 rounded-md border border-line bg-surface px-3 py-2 has-checked:border-accent has-checked:bg-accent-soft has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent"
          >
            <span className="flex items-center gap-2 font-medium">
              <input
                type="radio"
                name={name}
                value={one}
                checked={value === one}
                onChange={() => onChange(one)}
                className="accent-accent"
              />
              {one}
            </span>
            {picture(one)}
            <span className="text-xs text-soft">{words[one]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function OverlapField({
  value,
  onChange,
  instants,
  usualMs,
}: {
  readonly value: Overlap;
  readonly onChange: (value: Overlap) => void;
  readonly instants: readonly number[];
  /** How long a run usually takes; null: not known. */
  readonly usualMs: number | null;
}) {
  const shown = instants.slice(0, SHOWN);
  const gap = (shown[1] ?? 0) - (shown[0] ?? 0);
  const slow = 1.5 * gap;
  // The first run is slow, so that there is an overlap to be seen.
  const durations = shown.map((_, index) => (index === 0 ? slow : Math.min(usualMs ?? gap / 3, 0.8 * gap)));
  return (
    <Choices
      legend="Overlap"
      name="overlap"
      words={OVERLAP_WORDS}
      {...{ value, onChange }}
      caption={shown.length < 2 ? '' : `a due run while another one is active; here the first took ${formatSpan(slow)}`}
      picture={(policy) => <OverlapPicture bars={planOverlap(policy, shown, durations)} />}
    />
  );
}

const FATE_LOOKS: Readonly<Record<PlannedBar['fate'], string>> = {
  runs: 'text-running',
  waits: 'text-running',
  skipped: 'text-idle',
  replaced: 'text-idle',
};

function OverlapPicture({ bars }: { readonly bars: readonly PlannedBar[] }) {
  if (bars.length < 2) return null;
  const from = bars[0]?.due ?? 0;
  const to = Math.max(...bars.map(({ end }) => end));
  const x = (at: number): number => 4 + ((at - from) / (to - from)) * (WIDTH - 8);
  return (
    <svg viewBox={`0 0 ${WIDTH} 30`} className="w-full" aria-hidden>
      {bars.map(({ due, start, end, fate }, index) => (
        <g key={due} className={FATE_LOOKS[fate]}>
          <path d={`M${x(due)} 2v26`} className="stroke-line" />
          {start === null ? (
            <path d={`M${x(due) - 4} ${rowOf(index)}h8`} stroke="currentColor" strokeWidth="2" />
          ) : (
            <>
              {start > due && (
                <path d={`M${x(due)} ${rowOf(index)}H${x(start)}`} stroke="currentColor" strokeDasharray="2 2" />
              )}
              <rect
                x={x(start)}
                y={rowOf(index) - BAR / 2}
                width={Math.max(2, x(end) - x(start))}
                height={BAR}
                rx="2"
                fill="currentColor"
              />
              {fate === 'replaced' && (
                <path d={`M${x(end)} ${rowOf(index) - 5}v10`} stroke="currentColor" strokeWidth="2" />
              )}
            </>
          )}
        </g>
      ))}
    </svg>
  );
}

/** Two rows, so that runs beside each other are seen beside each other. */
function rowOf(index: number): number {
  return index % 2 === 0 ? 9 : 21;
}

export function CatchUpField({
  value,
  onChange,
  instants,
  windowMs,
}: {
  readonly value: CatchUp;
  readonly onChange: (value: CatchUp) => void;
  readonly instants: readonly number[];
  readonly windowMs: number;
}) {
  const shown = instants.slice(0, SHOWN);
  const [first = 0, second = 0] = shown;
  const last = shown.at(-1) ?? 0;
  const beforeLast = shown.at(-2) ?? 0;
  // From the middle of the first gap until shortly after the last but one.
  const outage = { from: (first + second) / 2, to: beforeLast + Math.min((last - beforeLast) / 2, windowMs / 2) };
  return (
    <Choices
      legend="Catch-up"
      name="catchUp"
      words={CATCH_UP_WORDS}
      {...{ value, onChange }}
      caption={
        shown.length < 3
          ? ''
          : `of instants that came while no scheduler ran: here for ${formatSpan(outage.to - outage.from)}, shaded`
      }
      picture={(policy) =>
        shown.length < 3 ? null : <CatchUpPicture instants={shown} {...{ policy, outage, windowMs }} />
      }
    />
  );
}

function CatchUpPicture({
  instants,
  policy,
  outage,
  windowMs,
}: {
  readonly instants: readonly number[];
  readonly policy: CatchUp;
  readonly outage: { readonly from: number; readonly to: number };
  readonly windowMs: number;
}) {
  const from = instants[0] ?? 0;
  const to = instants.at(-1) ?? 1;
  const x = (at: number): number => 8 + ((at - from) / (to - from)) * (WIDTH - 16);
  const planned = planCatchUp(policy, instants, outage, windowMs);
  const caughtUp = planned.filter(({ fate }) => fate === 'caught up');
  return (
    <svg viewBox={`0 0 ${WIDTH} 30`} className="w-full" aria-hidden>
      <rect x={x(outage.from)} y="2" width={x(outage.to) - x(outage.from)} height="26" className="fill-line" />
      {planned.map(({ due, fate }) =>
        fate === 'fires' ? (
          <circle key={due} cx={x(due)} cy="20" r="4.5" className="fill-running" />
        ) : (
          <path
            key={due}
            d={`M${x(due)} 15.5l4.5 4.5-4.5 4.5-4.5-4.5z`}
            className={fate === 'missed' ? 'fill-none stroke-missed' : 'fill-none stroke-idle'}
          />
        ),
      )}
      {caughtUp.map(({ due }, index) => (
        <g key={due} className="text-running">
          <path
            d={`M${x(due)} 14C${x(due)} 4 ${x(outage.to)} 4 ${x(outage.to) + index * 6} 8`}
            className="fill-none stroke-running"
          />
          <circle cx={x(outage.to) + index * 6} cy="9" r="3" fill="currentColor" />
        </g>
      ))}
    </svg>
  );
}
