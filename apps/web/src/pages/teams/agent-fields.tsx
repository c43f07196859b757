import { useQuery } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { configQuery, presetsQuery } from '../../api/queries';
import { Button } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import type { Preset } from '../../api/client';
import { PresetImage } from './preset-image';
import { ConductFields } from './conduct-fields';
import { ServerFields } from './server-fields';
import { withPreset, type AgentDraft } from './team-draft';
import { VariableFields } from './variable-fields';

const MONO = `${INPUT} font-mono text-xs leading-5`;

interface Props {
  readonly agent: AgentDraft;
  readonly faultAt: (path: string) => string | undefined;
  readonly set: (change: Partial<AgentDraft>) => void;
  readonly onRemove?: () => void;
}

/** The fields of one agent. */
export function AgentFields({ agent, faultAt, set, onRemove }: Props) {
  const { data: config } = useQuery(configQuery);
  const { data: presets = [] } = useQuery(presetsQuery);
  const preset = presets.find(({ name }) => name === agent.preset);
  const needsCommand = config?.runtime === 'process';
  // What a team of another runtime brought along is refused, so it must be there to be taken out.
  const hasLimits =
    (config?.runtimeCapabilities.limits.length ?? 1) > 0 || LIMITS.some(([field]) => agent[field] !== '');
  return (
    <fieldset className="min-w-0 rounded-md border border-line bg-surface">
      <legend className="sr-only">Agent {agent.name}</legend>
      <div className="flex items-center gap-2 border-b border-line px-4 py-2">
        <span className="min-w-0 truncate font-semibold">
          <bdi>{agent.name || 'an agent without a name'}</bdi>{' '}
          <span className="font-normal text-soft">{agent.role === 'leader' ? 'leads' : 'works'}</span>
        </span>
        {onRemove && (
          <Button look="bare" className="ml-auto" onClick={onRemove} aria-label={`Take out ${agent.name}`}>
            <Trash2 className="size-4" aria-hidden /> Take out
          </Button>
        )}
      </div>
      <div className="grid gap-4 p-4 rail:grid-cols-3">
        <Field label="Agent's name" error={faultAt('name')} hint="a-z, 0-9 and -">
          {(control) => (
            <input
              {...control}
              className={INPUT}
              value={agent.name}
              onChange={({ target }) => set({ name: target.value })}
            />
          )}
        </Field>
        <Field label="Role" error={faultAt('role')} hint="one agent leads: it gets the prompt">
          {(control) => (
            <select
              {...control}
              className={INPUT}
              value={agent.role}
              onChange={({ target }) => set({ role: target.value as AgentDraft['role'] })}
            >
              <option value="leader">leader</option>
              <option value="worker">worker</option>
            </select>
          )}
        </Field>
        <Program agent={agent} presets={presets} faultAt={faultAt} set={set} />
        {preset && <Model preset={preset} agent={agent} faultAt={faultAt} set={set} />}
        {preset && <PresetImage preset={preset} />}
        {!preset && (
          <Field label="Protocol" error={faultAt('protocol')} hint="acp: a dialogue. command: one answer">
            {(control) => (
              <select
                {...control}
                className={INPUT}
                value={agent.protocol}
                onChange={({ target }) => set({ protocol: target.value as AgentDraft['protocol'] })}
              >
                {(config?.protocols ?? [agent.protocol]).map((one) => (
                  <option key={one} value={one}>
                    {one}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {!needsCommand && !preset && (
          <Field label="Image" error={faultAt('image')} className="rail:col-span-3">
            {(control) => (
              <input
                {...control}
                className={MONO}
                spellCheck={false}
                placeholder="ghcr.io/example/agent:1"
                value={agent.image}
                onChange={({ target }) => set({ image: target.value })}
              />
            )}
          </Field>
        )}
        <Field
          label="Instructions"
          error={faultAt('instructions')}
          hint="Given to the agent before the prompt."
          className="rail:col-span-3"
        >
          {(control) => (
            <textarea
              {...control}
              rows={3}
              className={INPUT}
              value={agent.instructions}
              onChange={({ target }) => set({ instructions: target.value })}
            />
          )}
        </Field>
        <VariableFields
          env={agent.env}
          set={(env) => set({ env })}
          faultAt={(name) => faultAt(`env.${name}`) ?? faultAt(`secrets.${name}`)}
        />
        <details className="rail:col-span-3" open={(needsCommand && !preset) || hasFault(agent, faultAt)}>
          <summary className="cursor-pointer text-soft">Command, limits, permissions, MCP servers</summary>
          <div className="mt-3 grid gap-4 rail:grid-cols-3">
            <Field
              label="Command"
              error={faultAt('command') ?? faultAt('command.0')}
              hint={`One argument a line. ${needsCommand ? 'Required here, where agents are processes.' : 'Replaces what the image starts.'}`}
              className="rail:col-span-3"
            >
              {(control) => (
                <textarea
                  {...control}
                  rows={2}
                  className={MONO}
                  spellCheck={false}
                  value={agent.command}
                  onChange={({ target }) => set({ command: target.value })}
                />
              )}
            </Field>
            {hasLimits && <Limits {...{ agent, faultAt, set }} />}
            <Field label="Mode" error={faultAt('mode')} hint="the ACP session mode to set">
              {(control) => (
                <input
                  {...control}
                  className={INPUT}
                  value={agent.mode}
                  onChange={({ target }) => set({ mode: target.value })}
                />
              )}
            </Field>
            <ConductFields
              conduct={agent.conduct}
              isDialogue={agent.protocol === 'acp'}
              faultAt={faultAt}
              set={(change) => set({ conduct: { ...agent.conduct, ...change } })}
            />
            {(agent.protocol === 'acp' || agent.servers.length > 0) && (
              <ServerFields servers={agent.servers} faultAt={faultAt} set={(servers) => set({ servers })} />
            )}
          </div>
        </details>
      </div>
    </fieldset>
  );
}

function Program({ agent, presets, faultAt, set }: Omit<Props, 'onRemove'> & { readonly presets: readonly Preset[] }) {
  const chosen = presets.find(({ name }) => name === agent.preset);
  return (
    <Field label="Program" error={faultAt('preset')} hint={chosen?.description ?? 'an image of your own'}>
      {(control) => (
        <select
          {...control}
          className={INPUT}
          value={agent.preset}
          onChange={({ target }) =>
            set(
              withPreset(
                agent,
                presets.find(({ name }) => name === target.value),
              ),
            )
          }
        >
          <option value="">an image of your own</option>
          {agent.preset !== '' && !chosen && <option value={agent.preset}>{agent.preset}</option>}
          {presets.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Model({ preset, agent, faultAt, set }: Omit<Props, 'onRemove'> & { readonly preset: Preset }) {
  const { model, secrets } = preset;
  const groups = secrets.map((group) => group.map(({ name }) => name).join(' or '));
  return (
    <>
      <Field
        label="Model"
        error={faultAt('model')}
        hint={
          model.default === null ? (model.isRequired ? 'required' : 'as the program has it') : `empty: ${model.default}`
        }
      >
        {(control) => (
          <input
            {...control}
            className={INPUT}
            spellCheck={false}
            placeholder={model.examples[0]}
            value={agent.model}
            onChange={({ target }) => set({ model: target.value })}
          />
        )}
      </Field>
      {groups.length > 0 && (
        <p className="text-xs text-soft rail:col-span-3">
          Needs the {groups.length === 1 ? 'variable' : 'variables'} {groups.join(', and ')}. Its hosts join the
          team&apos;s allowlist.
        </p>
      )}
    </>
  );
}

const LIMITS = [
  ['cpus', 'CPUs', '0.5'],
  ['memory', 'Memory', '512m'],
  ['pids', 'Processes', '256'],
] as const;

function Limits({ agent, faultAt, set }: Omit<Props, 'onRemove'>) {
  return LIMITS.map(([field, label, example]) => (
    <Field key={field} label={label} error={faultAt(`resources.${field}`)} hint="at most; empty: as the engine has it">
      {(control) => (
        <input
          {...control}
          className={INPUT}
          placeholder={example}
          value={agent[field]}
          onChange={({ target }) => set({ [field]: target.value })}
        />
      )}
    </Field>
  ));
}

/** Whether what is folded has a fault that must be seen: one that stands at no field above. */
function hasFault(agent: AgentDraft, faultAt: Props['faultAt']): boolean {
  const own = ['command', 'command.0', 'permissions', 'mode', 'authMethod', 'handshakeTimeout', 'idleTimeout'];
  const rules = agent.conduct.rules.flatMap((_, at) =>
    ['', '.tool', '.kind', '.command', '.path'].map((field) => `permissions.rules.${at}${field}`),
  );
  const servers = agent.servers.flatMap(({ values }, at) => [
    ...['', '.name', '.command', '.args', '.args.0', '.url'].map((field) => `mcpServers.${at}${field}`),
    ...values.flatMap(({ name }) => ['env', 'headers', 'secrets'].map((kind) => `mcpServers.${at}.${kind}.${name}`)),
  ]);
  const folded = [...own, ...LIMITS.map(([field]) => `resources.${field}`), ...rules, 'mcpServers', ...servers];
  return folded.some((path) => faultAt(path) !== undefined);
}
