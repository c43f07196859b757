/** One of a few, as buttons beside each other. */
export function Choice<T extends string | number>({
  name,
  options,
  words,
  value,
  onChange,
}: {
  readonly name: string;
  readonly options: readonly T[];
  readonly words: Readonly<Record<T, string>>;
  readonly value: T;
  readonly onChange: (value: T) => void;
}) {
  return (
    <span role="group" aria-label={name} className="flex gap-0.5">
      {options.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={value === one}
          onClick={() => onChange(one)}
          className="h-7 rounded-md border border-transparent px-2 text-soft hover:bg-hover aria-pressed:border-line aria-pressed:bg-surface aria-pressed:text-ink"
        >
          {words[one]}
        </button>
      ))}
    </span>
  );
}
