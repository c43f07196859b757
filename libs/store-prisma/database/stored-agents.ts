import type { Agent } from '@crewtab/domain/teams/team';
import type { SecretBox } from './secret-box';

/** An agent as it stands in a run's plan: its environment is sealed, everything else is readable. */
export type StoredAgent = Omit<Agent, 'env'> & { readonly sealedEnv?: string };

export function openAgent(box: SecretBox, { sealedEnv, ...agent }: StoredAgent): Agent {
  return sealedEnv === undefined ? agent : { ...agent, env: openEnv(box, sealedEnv) };
}

/** Null where there is nothing to seal. */
export function sealEnv(box: SecretBox, env: Agent['env']): string | null {
  return env && Object.keys(env).length > 0 ? box.seal(JSON.stringify(env)) : null;
}

export function openEnv(box: SecretBox, sealedEnv: string): Record<string, string> {
  return JSON.parse(box.open(sealedEnv)) as Record<string, string>;
}

/**
 * The agents of team `t` as `StoredAgent`s, for a statement that makes a run: the plan is copied inside the database, the
 * sealed environments as they are.
 */
export const TEAM_AGENTS_JSON = `(
  SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
      'name', a.name, 'role', a.role, 'protocol', a.protocol, 'image', a.image, 'command', a.command, 'sealedEnv', a.sealed_env,
      'instructions', a.instructions, 'mode', a.mode, 'permissions', a.permissions, 'resources', a.resources)) ORDER BY a.position)
  FROM agents a WHERE a.team_id = t.id)`;
