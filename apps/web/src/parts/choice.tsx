/** One of a few: as buttons beside each other, or as radio buttons in a form, with the name before them. */
export function Choice<T extends string | number>({
  name,
  options,
  words,
  value,
  onChange,
  look = 'buttons',
}: {
  readonly name: string;
  readonly options: readonly T[];
  readonly words: Readonly<Record<T, string>>;
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly look?: 'buttons' | 'radios';
}) {
  if (look === 'radios')
    return (
      <fieldset className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <legend className="w-full text-soft rail:float-left rail:w-28">{name}</legend>
        {options.map((one) => (
          <label key={one} className="flex items-center gap-2">
            <input
              type="radio"
              name={name}
              checked={value === one}
              onChange={() => onChange(one)}
              className="accent-accent"
            />
            {words[one]}
          </label>
        ))}
      </fieldset>
    );
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
