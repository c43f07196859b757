import { ArrowUp, Plus, X } from 'lucide-react';
import { Button } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { NEW_RULE, TOOL_KINDS, type ConductDraft, type RuleDraft, type ToolKind } from './conduct-draft';

interface Props {
  readonly conduct: ConductDraft;
  readonly isDialogue: boolean;
  readonly faultAt: (path: string) => string | undefined;
  readonly set: (change: Partial<ConductDraft>) => void;
}

/** What an agent may do, how it logs in, and how long it may take. */
export function ConductFields({ conduct, isDialogue, faultAt, set }: Props) {
  const text = (field: 'authMethod' | 'handshakeTimeout' | 'idleTimeout') => ({
    className: INPUT,
    spellCheck: false,
    value: conduct[field],
    onChange: ({ target }: { readonly target: { readonly value: string } }) => set({ [field]: target.value }),
  });
  return (
    <>
      <Field label="Permissions" error={faultAt('permissions')} hint="the answer when the agent asks">
        {(control) => (
          <select
            {...control}
            className={INPUT}
            value={conduct.permissions}
            onChange={({ target }) => set({ permissions: target.value as ConductDraft['permissions'] })}
          >
            <option value="">allow (default)</option>
            <option value="allow">allow</option>
            <option value="deny">deny</option>
            {(isDialogue || conduct.permissions === 'rules') && <option value="rules">by rules</option>}
          </select>
        )}
      </Field>
      {(isDialogue || conduct.authMethod !== '') && (
        <Field label="Log-in" error={faultAt('authMethod')} hint="the id of a way, where the agent offers several">
          {(control) => <input {...control} {...text('authMethod')} />}
        </Field>
      )}
      {(isDialogue || conduct.handshakeTimeout !== '') && (
        <Field label="Handshake within" error={faultAt('handshakeTimeout')} hint="like 1m; empty: as the worker is set">
          {(control) => <input {...control} {...text('handshakeTimeout')} />}
        </Field>
      )}
      <Field label="Silent for at most" error={faultAt('idleTimeout')} hint="ends the run as agent_idle; empty: off">
        {(control) => <input {...control} {...text('idleTimeout')} />}
      </Field>
      {conduct.permissions === 'rules' && <Rules {...{ conduct, faultAt, set }} />}
    </>
  );
}

/** The first rule that fits decides, so their order counts. */
function Rules({ conduct: { rules, otherwise }, faultAt, set }: Omit<Props, 'isDialogue'>) {
  const change = (at: number, fields: Partial<RuleDraft>): void =>
    set({ rules: rules.map((rule, index) => (index === at ? { ...rule, ...fields } : rule)) });
  const moveUp = (at: number): void => {
    const [rule] = rules.slice(at, at + 1);
    if (rule) set({ rules: rules.filter((_, index) => index !== at).toSpliced(at - 1, 0, rule) });
  };
  return (
    <fieldset className="min-w-0 rail:col-span-3">
      <legend className="mb-1 font-medium">
        Rules{' '}
        <span className="font-normal text-soft">
          the first one that fits decides; * is any text, ** in a path any folders; an empty field fits everything
        </span>
      </legend>
      <ol className="flex flex-col gap-3">
        {rules.map((rule, at) => (
          <li key={at} className="flex flex-col gap-1">
            <div className="grid grid-cols-2 gap-2 rail:grid-cols-[88px_104px_1fr_1fr_1fr_auto]">
              <select
                aria-label={`Rule ${at + 1} allows or denies`}
                className={INPUT}
                value={rule.allow ? 'allow' : 'deny'}
                onChange={({ target }) => change(at, { allow: target.value === 'allow' })}
              >
                <option>allow</option>
                <option>deny</option>
              </select>
              <select
                aria-label={`Kind of rule ${at + 1}`}
                className={INPUT}
                value={rule.kind}
                onChange={({ target }) => change(at, { kind: target.value as '' | ToolKind })}
              >
                <option value="">any kind</option>
                {TOOL_KINDS.map((kind) => (
                  <option key={kind}>{kind}</option>
                ))}
              </select>
              {(['tool', 'command', 'path'] as const).map((field) => (
                <input
                  key={field}
                  aria-label={`${PATTERNS[field]} of rule ${at + 1}`}
                  aria-invalid={faultAt(`permissions.rules.${at}.${field}`) === undefined ? undefined : true}
                  placeholder={PATTERNS[field].toLowerCase()}
                  spellCheck={false}
                  className={`${INPUT} font-mono text-xs leading-5`}
                  value={rule[field]}
                  onChange={({ target }) => change(at, { [field]: target.value })}
                />
              ))}
              <span className="flex justify-end">
                <Button
                  look="bare"
                  className="px-2"
                  aria-label={`Rule ${at + 1} before the one above`}
                  disabled={at === 0}
                  onClick={() => moveUp(at)}
                >
                  <ArrowUp className="size-4" aria-hidden />
                </Button>
                <Button
                  look="bare"
                  className="px-2"
                  aria-label={`Take out rule ${at + 1}`}
                  onClick={() => set({ rules: rules.toSpliced(at, 1) })}
                >
                  <X className="size-4" aria-hidden />
                </Button>
              </span>
            </div>
            {['', '.tool', '.kind', '.command', '.path'].flatMap((field) => {
              const words = faultAt(`permissions.rules.${at}${field}`);
              return words === undefined
                ? []
                : [<p key={field} className="text-xs text-failed">{`${field.slice(1)} ${words}`}</p>];
            })}
          </li>
        ))}
      </ol>
      <div className="mt-2 flex flex-wrap items-center gap-3">
        <Button look="bare" className="-ml-3" onClick={() => set({ rules: [...rules, NEW_RULE] })}>
          <Plus className="size-4" aria-hidden /> Add a rule
        </Button>
        <label className="flex items-center gap-2 whitespace-nowrap text-soft">
          where none fits
          <select
            className={`${INPUT} w-24 text-ink`}
            value={otherwise}
            onChange={({ target }) => set({ otherwise: target.value as ConductDraft['otherwise'] })}
          >
            <option>deny</option>
            <option>allow</option>
          </select>
        </label>
      </div>
    </fieldset>
  );
}

const PATTERNS = { tool: 'Tool', command: 'Command', path: 'Path' } as const;
