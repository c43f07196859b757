import type { Team } from '../../api/client';
import { readCommand, writeCommand } from './command-text';
import { secretsOf, valuesOf, variablesOf, type VariableDraft } from './variable-draft';

type Server = NonNullable<Team['agents'][number]['mcpServers']>[number];

/** An MCP server of an agent: a program in its container, or one over HTTP. */
export interface ServerDraft {
  readonly name: string;
  readonly kind: 'command' | 'url';
  readonly command: string;
  readonly args: string;
  readonly url: string;
  /** Variables of a program, headers of a URL. */
  readonly values: readonly VariableDraft[];
}

export function newServer(): ServerDraft {
  return { name: '', kind: 'command', command: '', args: '', url: '', values: [] };
}

export function serverDraftOf(server: Server): ServerDraft {
  const { name, command = '', args = [], url = '', env = {}, headers = {}, secrets } = server;
  const kind = server.url === undefined ? 'command' : 'url';
  const values = variablesOf(kind === 'url' ? headers : env, secrets);
  return { name, kind, command, args: writeCommand(args), url, values };
}

export function bodyOfServer({ name, kind, command, args, url, values }: ServerDraft): Record<string, unknown> {
  const words = readCommand(args);
  const given = valuesOf(values);
  const hasGiven = Object.keys(given).length > 0;
  const secrets = secretsOf(values);
  return {
    ...{ name: name.trim(), ...(Object.keys(secrets).length > 0 && { secrets }) },
    ...(kind === 'url'
      ? { url: url.trim(), ...(hasGiven && { headers: given }) }
      : { command: command.trim(), ...(words.length > 0 && { args: words }), ...(hasGiven && { env: given }) }),
  };
}
