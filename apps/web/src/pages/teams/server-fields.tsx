import { Plus, Trash2 } from 'lucide-react';
import { Button } from '../../parts/button';
import { Field, INPUT } from '../../parts/field';
import { newServer, type ServerDraft } from './server-draft';
import { VariableFields } from './variable-fields';

const MONO = `${INPUT} font-mono text-xs leading-5`;

/** The MCP servers of an agent: tools beside those of its team. */
export function ServerFields({
  servers,
  faultAt,
  set,
}: {
  readonly servers: readonly ServerDraft[];
  readonly faultAt: (path: string) => string | undefined;
  readonly set: (servers: readonly ServerDraft[]) => void;
}) {
  return (
    <fieldset className="min-w-0 rail:col-span-3">
      <legend className="mb-1 font-medium">
        MCP servers <span className="font-normal text-soft">tools beside those of the team</span>
      </legend>
      {faultAt('mcpServers') !== undefined && <p className="text-xs text-failed">{faultAt('mcpServers')}</p>}
      <ul className="flex flex-col gap-3">
        {servers.map((server, at) => (
          <li key={at} className="rounded-md border border-line p-3">
            <Server
              server={server}
              faultAt={(path) => faultAt(`mcpServers.${at}${path}`)}
              set={(change) => set(servers.map((one, index) => (index === at ? { ...one, ...change } : one)))}
              onRemove={() => set(servers.toSpliced(at, 1))}
            />
          </li>
        ))}
      </ul>
      <Button look="bare" className="-ml-3 mt-1" onClick={() => set([...servers, newServer()])}>
        <Plus className="size-4" aria-hidden /> Add an MCP server
      </Button>
    </fieldset>
  );
}

function Server({
  server,
  faultAt,
  set,
  onRemove,
}: {
  readonly server: ServerDraft;
  readonly faultAt: (path: string) => string | undefined;
  readonly set: (change: Partial<ServerDraft>) => void;
  readonly onRemove: () => void;
}) {
  const isProgram = server.kind === 'command';
  const argFaults = server.args.split('\n').flatMap((_, at) => faultAt(`.args.${at}`) ?? []);
  return (
    <div className="grid gap-3 rail:grid-cols-3">
      <Field label="Server's name" error={faultAt('.name') ?? faultAt('')}>
        {(control) => (
          <input
            {...control}
            className={INPUT}
            spellCheck={false}
            value={server.name}
            onChange={({ target }) => set({ name: target.value })}
          />
        )}
      </Field>
      <Field label="Reached by">
        {(control) => (
          <select
            {...control}
            className={INPUT}
            value={server.kind}
            onChange={({ target }) => set({ kind: target.value as ServerDraft['kind'] })}
          >
            <option value="command">a program in the container</option>
            <option value="url">HTTP</option>
          </select>
        )}
      </Field>
      <Button
        look="bare"
        className="self-center justify-self-end"
        aria-label={`Take out the server ${server.name}`}
        onClick={onRemove}
      >
        <Trash2 className="size-4" aria-hidden /> Take out
      </Button>
      {isProgram ? (
        <>
          <Field label="Program" error={faultAt('.command')}>
            {(control) => (
              <input
                {...control}
                className={MONO}
                spellCheck={false}
                placeholder="npx"
                value={server.command}
                onChange={({ target }) => set({ command: target.value })}
              />
            )}
          </Field>
          <Field
            label="Arguments"
            hint="one a line"
            error={argFaults[0] ?? faultAt('.args')}
            className="rail:col-span-2"
          >
            {(control) => (
              <textarea
                {...control}
                rows={2}
                className={MONO}
                spellCheck={false}
                value={server.args}
                onChange={({ target }) => set({ args: target.value })}
              />
            )}
          </Field>
        </>
      ) : (
        <Field
          label="URL"
          hint="its host has to be among the hosts of the team's network"
          error={faultAt('.url')}
          className="rail:col-span-3"
        >
          {(control) => (
            <input
              {...control}
              className={MONO}
              spellCheck={false}
              placeholder="https://mcp.example.com/mcp"
              value={server.url}
              onChange={({ target }) => set({ url: target.value })}
            />
          )}
        </Field>
      )}
      <VariableFields
        env={server.values}
        kind={isProgram ? 'variable' : 'header'}
        set={(values) => set({ values })}
        faultAt={(name) => faultAt(`.${isProgram ? 'env' : 'headers'}.${name}`) ?? faultAt(`.secrets.${name}`)}
      />
    </div>
  );
}
