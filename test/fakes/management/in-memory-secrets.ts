import { AppError } from '@crewtab/domain/errors';
import type { Clock } from '@crewtab/domain/ports/clock';
import type { Page, PageRequest } from '@crewtab/domain/ports/management-store';
import type { SecretStore } from '@crewtab/domain/ports/secret-store';
import {
  secretUsesOf,
  SHOWN_USES,
  tellUses,
  WORKSPACE_USE,
  type Secret,
  type SecretUse,
} from '@crewtab/domain/secrets/secret';
import type { InMemoryCatalog } from './in-memory-catalog';

interface StoredSecret {
  readonly name: string;
  readonly organizationId: string;
  readonly value: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Secrets without a database; who uses them is read from the teams of a catalog. */
export class InMemorySecrets implements SecretStore {
  readonly values = new Map<string, StoredSecret>();

  constructor(
    private readonly catalog: InMemoryCatalog,
    private readonly clock: Clock,
  ) {}

  listSecrets(organizationId: string, { limit, cursor }: PageRequest): Promise<Page<Secret>> {
    const all = [...this.values.values()]
      .filter((secret) => secret.organizationId === organizationId && (cursor === null || secret.name > cursor))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const items = all.slice(0, limit).map((secret) => this.show(secret));
    return Promise.resolve({ items, nextCursor: all.length > limit ? (items.at(-1)?.name ?? null) : null });
  }

  getSecret(organizationId: string, name: string): Promise<Secret | null> {
    const secret = this.values.get(keyOf(organizationId, name));
    return Promise.resolve(secret ? this.show(secret) : null);
  }

  putSecret(organizationId: string, name: string, value: string, isNew: boolean): Promise<Secret | null> {
    const present = this.values.get(keyOf(organizationId, name));
    if (present && isNew) return Promise.resolve(null);
    const now = this.clock.now();
    const stored = { name, organizationId, value, createdAt: present?.createdAt ?? now, updatedAt: now };
    this.values.set(keyOf(organizationId, name), stored);
    return Promise.resolve(this.show(stored));
  }

  deleteSecret(organizationId: string, name: string): Promise<boolean> {
    const secret = this.values.get(keyOf(organizationId, name));
    const shown = secret && this.show(secret);
    if (shown && shown.useCount > 0)
      return Promise.reject(new AppError('secret_in_use', `the secret is used ${tellUses(shown)}`));
    return Promise.resolve(this.values.delete(keyOf(organizationId, name)));
  }

  findAbsentSecrets(organizationId: string, names: readonly string[]): Promise<string[]> {
    return Promise.resolve(names.filter((name) => !this.values.has(keyOf(organizationId, name))));
  }

  private show({ name, organizationId, createdAt, updatedAt }: StoredSecret): Secret {
    const uses = [...this.catalog.teams.values()]
      .filter((team) => team.organizationId === organizationId)
      .flatMap((team) => [
        ...(team.workspace?.git?.secret === name
          ? [{ teamId: team.id, teamName: team.name, agent: null, mcpServer: null, variable: WORKSPACE_USE }]
          : []),
        ...team.agents.flatMap((agent) =>
          secretUsesOf(agent)
            .filter(({ secret }) => secret === name)
            .map(({ mcpServer, variable }): SecretUse => {
              return { teamId: team.id, teamName: team.name, agent: agent.name, mcpServer, variable };
            }),
        ),
      ]);
    return { name, createdAt, updatedAt, useCount: uses.length, uses: uses.slice(0, SHOWN_USES) };
  }
}

function keyOf(organizationId: string, name: string): string {
  return `${organizationId} ${name}`;
}
