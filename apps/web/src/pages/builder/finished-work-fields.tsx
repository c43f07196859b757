import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { configQuery } from '../../api/queries';
import { Field, INPUT } from '../../parts/field';
import type { Draft } from './draft';

type Verify = NonNullable<Draft['verify']>;

interface FieldProps {
  readonly error: string | undefined;
  readonly notice: React.ReactNode;
}

/** What must hold of the work, and what is kept of it. */
export function FinishedWorkFields({
  draft,
  faults,
  notices,
  onChange,
}: {
  readonly draft: Pick<Draft, 'verify' | 'artifacts'>;
  /** By the path of the field. */
  readonly faults: Readonly<Record<string, string>>;
  readonly notices: { readonly verify: React.ReactNode; readonly artifacts: React.ReactNode };
  readonly onChange: (change: Partial<Draft>) => void;
}) {
  const { verify, artifacts } = draft;
  const { data: config } = useQuery(configQuery);
  const { leavesWorkspace = true, verifiesByCommand = true } = config?.runtimeCapabilities ?? {};
  const faultOf = (path: string): string | undefined =>
    Object.entries(faults).find(([name]) => name === path || name.startsWith(`${path}.`))?.[1];
  const setVerify = (change: { readonly [K in keyof Verify]?: Verify[K] | undefined }): void => {
    const whole = Object.fromEntries(
      Object.entries({ ...verify, ...change }).filter(([, value]) => value !== undefined),
    ) as Verify;
    onChange({ verify: Object.keys(whole).length === 0 ? null : whole });
  };
  if (!leavesWorkspace) return null;
  return (
    <fieldset className="flex flex-col gap-4">
      <legend className="mb-1.5 font-medium">Verification and files</legend>
      <p className="text-soft">
        A run succeeds only if all of this holds. With nothing here, its leader’s word is enough.
      </p>
      {notices.verify}
      {faults['verify'] && <p className="text-failed">{faults['verify']}</p>}
      {verifiesByCommand && (
        <LinesField
          label="Command"
          hint="one argument per line, like npm, then test; without network and variables"
          lines={verify?.command}
          error={faultOf('verify.command')}
          notice={null}
          onChange={(command) => setVerify({ command })}
        />
      )}
      <LinesField
        label="Files"
        hint="one per line; each must be there, and newer than the run’s start"
        lines={verify?.files}
        error={faultOf('verify.files')}
        notice={null}
        onChange={(files) => setVerify({ files })}
      />
      <SchemaField
        schema={verify?.schema}
        error={faultOf('verify.schema')}
        notice={null}
        onChange={(schema) => setVerify({ schema })}
      />
      {config?.keepsArtifacts !== false && (
        <LinesField
          label="Keep files"
          hint="one per line, like reports/**/*.md; kept however a run ends"
          lines={artifacts ?? undefined}
          error={faultOf('artifacts')}
          notice={notices.artifacts}
          onChange={(globs) => onChange({ artifacts: globs ?? null })}
        />
      )}
    </fieldset>
  );
}

/** A list as a person writes it; what is typed stays as it is while it is typed. */
function LinesField({
  label,
  hint,
  lines,
  error,
  notice,
  onChange,
}: FieldProps & {
  readonly label: string;
  readonly hint: string;
  readonly lines: readonly string[] | undefined;
  readonly onChange: (lines: string[] | undefined) => void;
}) {
  const [typed, setTyped] = useState((lines ?? []).join('\n'));
  const meant = linesOf(typed);
  const shown = JSON.stringify(meant) === JSON.stringify(lines ?? []) ? typed : (lines ?? []).join('\n');
  return (
    <Field label={label} hint={hint} error={error} notice={notice}>
      {(control) => (
        <textarea
          {...control}
          value={shown}
          rows={Math.min(8, Math.max(2, shown.split('\n').length))}
          spellCheck={false}
          className={`${INPUT} h-auto min-h-9 py-2 font-mono text-xs leading-5`}
          onChange={({ target }) => {
            setTyped(target.value);
            const next = linesOf(target.value);
            onChange(next.length === 0 ? undefined : next);
          }}
        />
      )}
    </Field>
  );
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** What is no JSON is no schema yet: it is said, and the one before stays. */
function SchemaField({
  schema,
  error,
  notice,
  onChange,
}: FieldProps & {
  readonly schema: Verify['schema'];
  readonly onChange: (schema: Verify['schema'] | undefined) => void;
}) {
  const [typed, setTyped] = useState(schema ? JSON.stringify(schema, null, 2) : '');
  const [fault, setFault] = useState<string>();
  return (
    <Field
      label="Schema of the result"
      hint="JSON schema; the leader’s answer must be JSON that keeps to it"
      error={fault ?? error}
      notice={notice}
    >
      {(control) => (
        <textarea
          {...control}
          value={typed}
          rows={typed === '' ? 2 : 8}
          spellCheck={false}
          className={`${INPUT} h-auto min-h-9 py-2 font-mono text-xs leading-5`}
          onChange={({ target }) => {
            setTyped(target.value);
            const read = readObject(target.value);
            setFault(read.fault);
            if (!read.fault) onChange(read.object);
          }}
        />
      )}
    </Field>
  );
}

function readObject(text: string): { readonly object?: Record<string, unknown>; readonly fault?: string } {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { object: value as Record<string, unknown> };
  } catch {
    // Said below.
  }
  return { fault: 'is no JSON object yet' };
}
