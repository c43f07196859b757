import type { Team } from '../../api/client';

type Agent = Team['agents'][number];
export type PermissionRules = Exclude<NonNullable<Agent['permissions']>, string>;
type Rule = PermissionRules['rules'][number];
export type ToolKind = NonNullable<Rule['kind']>;

export const TOOL_KINDS = [
  ...(['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'switch_mode', 'other'] as const),
] satisfies readonly ToolKind[];

/** One rule; an empty field asks nothing of the call. */
export interface RuleDraft {
  readonly allow: boolean;
  readonly kind: '' | ToolKind;
  readonly tool: string;
  readonly command: string;
  readonly path: string;
}

/** How an agent behaves: what it may do, how it logs in, how long it may take. */
export interface ConductDraft {
  /** Empty: as the API has it where nothing is said. */
  readonly permissions: '' | 'allow' | 'deny' | 'rules';
  readonly rules: readonly RuleDraft[];
  /** Where no rule fits. */
  readonly otherwise: 'allow' | 'deny';
  readonly authMethod: string;
  readonly handshakeTimeout: string;
  readonly idleTimeout: string;
}

export const NEW_RULE: RuleDraft = { allow: true, kind: '', tool: '', command: '', path: '' };

export function conductOf(agent: Agent | null): ConductDraft {
  const { permissions, authMethod = '', handshakeTimeout = '', idleTimeout = '' } = agent ?? {};
  const isByRules = typeof permissions === 'object';
  return {
    permissions: isByRules ? 'rules' : (permissions ?? ''),
    rules: isByRules ? permissions.rules.map((rule) => ({ ...NEW_RULE, ...rule })) : [],
    otherwise: isByRules ? permissions.default : 'deny',
    ...{ authMethod, handshakeTimeout, idleTimeout },
  };
}

/** As the API takes it; what is empty is left out by the caller. */
export function bodyOfConduct(draft: ConductDraft): Record<string, unknown> {
  const { permissions, rules, otherwise, authMethod, handshakeTimeout, idleTimeout } = draft;
  const filled = rules.map(({ allow, ...conditions }) => ({
    ...Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== '')),
    allow,
  }));
  return {
    permissions: permissions === 'rules' ? { default: otherwise, rules: filled } : permissions,
    ...{ authMethod: authMethod.trim(), handshakeTimeout: handshakeTimeout.trim(), idleTimeout: idleTimeout.trim() },
  };
}
