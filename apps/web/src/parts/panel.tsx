/** One part of a page, with its name. */
export function Panel({
  title,
  note,
  children,
  className = '',
}: {
  readonly title: string;
  readonly note?: React.ReactNode;
  readonly children: React.ReactNode;
  readonly className?: string;
}) {
  return (
    <section className={`min-w-0 rounded-md border border-line bg-surface ${className}`}>
      <header className="flex items-center gap-2 border-b border-line px-4 py-2.5">
        <h2 className="font-semibold whitespace-nowrap">{title}</h2>
        {note !== undefined && <span className="text-soft">{note}</span>}
      </header>
      {children}
    </section>
  );
}

/** What stands where nothing is. */
export function Empty({ children }: { readonly children: React.ReactNode }) {
  return <p className="px-4 py-6 text-soft">{children}</p>;
}

/** While an answer is on its way: after a moment, so that quick answers do not flicker. */
export function Waiting() {
  return (
    <p className="px-4 py-6 text-soft" aria-busy="true">
      Loading …
    </p>
  );
}
