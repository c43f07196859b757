import { useRef } from 'react';
import { Field, INPUT } from '../../parts/field';
import { cronOf, firstPick, pickOf, STEPS, WEEKDAYS, type CronPick, type PickKind } from './cron-picks';

const KIND_WORDS: Readonly<Record<PickKind, string>> = {
  minutes: 'every few minutes',
  hourly: 'every hour',
  daily: 'every day',
  weekly: 'on weekdays',
  monthly: 'every month',
  custom: 'as typed below',
};
const KINDS = Object.keys(KIND_WORDS) as PickKind[];
const SMALL = 'h-9 rounded-md border border-line bg-surface px-2 text-sm';

/** When it fires, by picking or by typing: each follows the other. */
export function CronField({
  cron,
  onChange,
  words,
  error,
  notice,
}: {
  readonly cron: string;
  readonly onChange: (cron: string) => void;
  /** What it means. */
  readonly words: string | undefined;
  readonly error: string | undefined;
  readonly notice?: React.ReactNode;
}) {
  const typed = useRef<HTMLInputElement>(null);
  const pick = pickOf(cron);
  const set = (next: CronPick): void => {
    const made = cronOf(next);
    if (made !== null) onChange(made);
    else typed.current?.focus();
  };
  return (
    <Field label="When" hint="five fields: minute, hour, day of month, month, day of week" {...{ error, notice }}>
      {(control) => (
        <>
          <div className="flex flex-wrap items-center gap-2">
            <select
              aria-label="How often"
              value={pick.kind}
              onChange={({ target }) => set(firstPick(KINDS.find((kind) => kind === target.value) ?? 'custom', pick))}
              className={SMALL}
            >
              {KINDS.map((kind) => (
                <option key={kind} value={kind}>
                  {KIND_WORDS[kind]}
                </option>
              ))}
            </select>
            <Details pick={pick} set={set} />
          </div>
          <div className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1">
            <input
              {...control}
              ref={typed}
              value={cron}
              onChange={({ target }) => onChange(target.value)}
              spellCheck={false}
              autoComplete="off"
              autoCapitalize="none"
              className={`${INPUT} max-w-60 font-mono`}
            />
            <span aria-live="polite" className="text-soft">
              {error === undefined ? words : ''}
            </span>
          </div>
        </>
      )}
    </Field>
  );
}

function Details({ pick, set }: { readonly pick: CronPick; readonly set: (next: CronPick) => void }) {
  switch (pick.kind) {
    case 'custom':
      return null;
    case 'minutes':
      return (
        <select
          aria-label="Minutes"
          value={pick.every}
          onChange={({ target }) => set({ kind: 'minutes', every: Number(target.value) })}
          className={SMALL}
        >
          {STEPS.map((step) => (
            <option key={step} value={step}>
              {step === 1 ? 'each minute' : `every ${step} minutes`}
            </option>
          ))}
        </select>
      );
    case 'hourly':
      return (
        <label className="flex items-center gap-2 text-soft">
          at minute
          <input
            type="number"
            min={0}
            max={59}
            value={pick.minute}
            onChange={({ target }) => set({ kind: 'hourly', minute: clamp(target.valueAsNumber, 0, 59) })}
            className={`${SMALL} w-18 text-ink`}
          />
        </label>
      );
    case 'daily':
      return <Time time={pick.time} onChange={(time) => set({ ...pick, time })} />;
    case 'weekly':
      return (
        <>
          <Weekdays days={pick.days} onChange={(days) => set({ ...pick, days })} />
          <Time time={pick.time} onChange={(time) => set({ ...pick, time })} />
        </>
      );
    case 'monthly':
      return (
        <>
          <label className="flex items-center gap-2 text-soft">
            on day
            <input
              type="number"
              min={1}
              max={31}
              value={pick.day}
              onChange={({ target }) => set({ ...pick, day: clamp(target.valueAsNumber, 1, 31) })}
              className={`${SMALL} w-18 text-ink`}
            />
          </label>
          <Time time={pick.time} onChange={(time) => set({ ...pick, time })} />
        </>
      );
  }
}

function Time({ time, onChange }: { readonly time: string; readonly onChange: (time: string) => void }) {
  return (
    <label className="flex items-center gap-2 text-soft">
      at
      <input
        type="time"
        required
        value={time}
        // Empty while half of it is typed.
        onChange={({ target }) => target.value !== '' && onChange(target.value)}
        className={`${SMALL} text-ink`}
      />
    </label>
  );
}

function Weekdays({
  days,
  onChange,
}: {
  readonly days: readonly number[];
  readonly onChange: (days: readonly number[]) => void;
}) {
  const toggle = (day: number): void => {
    const next = days.includes(day) ? days.filter((one) => one !== day) : [...days, day].sort((a, b) => a - b);
    if (next.length > 0) onChange(next);
  };
  return (
    <span role="group" aria-label="Weekdays" className="flex flex-wrap gap-0.5">
      {WEEKDAYS.map((name, index) => (
        <button
          key={name}
          type="button"
          aria-pressed={days.includes(index + 1)}
          onClick={() => toggle(index + 1)}
          className="h-9 rounded-md border border-line px-2 text-soft hover:bg-hover aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-ink"
        >
          {name}
        </button>
      ))}
    </span>
  );
}

function clamp(number: number, min: number, max: number): number {
  return Number.isFinite(number) ? Math.min(max, Math.max(min, Math.trunc(number))) : min;
}
