import { Link, useParams } from '@tanstack/react-router';
import { Page } from '../../app/shell';
import { Panel } from '../../parts/panel';
import { StatusShape } from '../../status/status-shape';
import { STATUSES, TRIGGERS, type RunStatus, type RunTrigger } from '../../status/status-words';
import { findEntry, GLOSSARY, type GlossaryEntry } from '@crewtab/words/glossary';

/** What one word means, and all the others below it. */
export function HelpPage() {
  const { code } = useParams({ strict: false });
  const entry = code === undefined ? undefined : findEntry(code);
  return (
    <Page title={entry ? <>Help: {entry.name}</> : 'Help'}>
      <div className="mx-auto flex max-w-3xl flex-col gap-4 p-4 rail:p-6">
        {entry && <Answer entry={entry} />}
        {code !== undefined && !entry && (
          <p className="text-soft">
            There is no word <code className="font-mono text-xs">{code}</code> in this version. Below are those that
            there are.
          </p>
        )}
        {GLOSSARY.map(({ title, entries }) => (
          <Panel key={title} title={title}>
            <dl>
              {entries.map((one) => (
                <div
                  key={one.code}
                  className="grid gap-x-4 gap-y-0.5 border-b border-line px-4 py-2 last:border-b-0 rail:grid-cols-[176px_1fr]"
                >
                  <dt className="flex min-w-0 items-center gap-2 self-start">
                    <Shape code={one.code} />
                    <Link
                      to="/help/$code"
                      params={{ code: one.code }}
                      data-row=""
                      className="min-w-0 font-medium [overflow-wrap:anywhere] hover:underline"
                    >
                      {one.name}
                    </Link>
                  </dt>
                  <dd className="text-soft">{one.meaning}</dd>
                </div>
              ))}
            </dl>
          </Panel>
        ))}
      </div>
    </Page>
  );
}

function Answer({ entry: { code, name, meaning, advice } }: { readonly entry: GlossaryEntry }) {
  const status = STATUSES.find((one) => one === code);
  const trigger = TRIGGERS.find((one) => `trigger-${one}` === code);
  return (
    <section aria-label={name} className="rounded-md border border-line bg-surface px-5 py-4">
      <h2 className="flex items-center gap-2 text-lg font-semibold">
        <Shape code={code} />
        {name}
      </h2>
      <p className="mt-2 text-base">{meaning}</p>
      {advice !== undefined && (
        <p className="mt-3">
          <span className="font-medium">What to do:</span> <span className="text-soft">{advice}</span>
        </p>
      )}
      <RunsWith {...{ status, trigger }} />
    </section>
  );
}

/** A word leads to its runs. */
function RunsWith({
  status,
  trigger,
}: {
  readonly status?: RunStatus | undefined;
  readonly trigger?: RunTrigger | undefined;
}) {
  if (!status && !trigger) return null;
  return (
    <Link
      to="/runs"
      search={{ ...(status && { status }), ...(trigger && { trigger }) }}
      className="mt-3 inline-block underline"
    >
      Such runs
    </Link>
  );
}

function Shape({ code }: { readonly code: string }) {
  const status = STATUSES.find((one) => one === code);
  return status ? <StatusShape status={status} isNamed /> : null;
}
