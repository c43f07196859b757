import type { Usage } from '@crewtab/domain/runs/usage';
import type { Database, Statement } from '../database/database';

/** While the run goes on they are counted; later they are what was stored at its end. */
const USAGE_OF_AGENTS: Statement = {
  name: 'run_usage_of_agents',
  text: `SELECT agent, input_tokens::float8, output_tokens::float8, cost, currency, lacks_tokens, lacks_cost
    FROM crewtab_usage_of_agents($1)`,
};

interface AgentUsageRow {
  readonly agent: string;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cost: number | null;
  readonly currency: string | null;
  readonly lacks_tokens: boolean;
  readonly lacks_cost: boolean;
}

/** By name, of the agents that were given a turn. */
export async function readAgentUsages(db: Database, runId: string): Promise<ReadonlyMap<string, Usage>> {
  const rows = await db.query<AgentUsageRow>(USAGE_OF_AGENTS, [runId]);
  return new Map(rows.map((row) => [row.agent, toUsage(row)]));
}

function toUsage(row: AgentUsageRow): Usage {
  const { cost: amount, currency } = row;
  return {
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cost: amount === null || currency === null ? null : { amount, currency },
    incomplete: [...(row.lacks_tokens ? ['tokens' as const] : []), ...(row.lacks_cost ? ['cost' as const] : [])],
  };
}
