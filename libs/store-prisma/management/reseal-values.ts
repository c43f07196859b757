import { AppError, errorMessage } from '@crewtab/domain/errors';
import { setTimeout as delay } from 'node:timers/promises';
import { LOWEST_ID, type Database, type Statement } from '../database/database';
import {
  type AgentOwner,
  CHECK_PLACE,
  envPlace,
  mcpPlace,
  type SecretBox,
  secretPlace,
  type SealedPlace,
} from '../database/secret-box';
import type { StoredAgent } from '../runs/run-row';
import { answerPlace } from './prisma-idempotency-store';

export type SealedKind = 'secrets' | 'agents' | 'runs' | 'answers';

export interface ResealReport {
  readonly resealed: Readonly<Record<SealedKind, number>>;
  /** What could not be opened, and stays as it is: where it stands, and why. */
  readonly unreadable: readonly string[];
}

/** Rows that one statement reads. */
const BATCH = 500;
/** How long to wait for transactions that may have copied a value before it was sealed anew, ms. */
const OTHERS_LIMIT_MS = 60_000;
const OTHERS_EVERY_MS = 100;
/** A pass finds less than the one before unless processes go on sealing with the former key. */
const MAX_PASSES = 10;

const SECRETS: Statement = {
  text: `SELECT organization_id, name, sealed_value FROM secrets
    WHERE (organization_id, name) > ($1, $2) AND NOT starts_with(sealed_value, $3)
    ORDER BY organization_id, name LIMIT ${BATCH}`,
};
const RESEAL_SECRET: Statement = {
  text: `UPDATE secrets SET sealed_value = $4
    WHERE organization_id = $1 AND name = $2 AND sealed_value = $3 RETURNING 1`,
};

const AGENTS: Statement = {
  text: `SELECT organization_id, team_id, position, name, sealed_env AS "sealedEnv", sealed_mcp_servers AS "sealedMcpServers" FROM agents
    WHERE (team_id, position) > ($1, $2) AND (NOT starts_with(sealed_env, $3) OR NOT starts_with(sealed_mcp_servers, $3))
    ORDER BY team_id, position LIMIT ${BATCH}`,
};
const RESEAL_AGENT: Statement = {
  text: `UPDATE agents SET sealed_env = $6, sealed_mcp_servers = $7
    WHERE team_id = $1 AND position = $2 AND name = $3 AND sealed_env IS NOT DISTINCT FROM $4
      AND sealed_mcp_servers IS NOT DISTINCT FROM $5 RETURNING 1`,
};

/** Every run of the batch is answered, so that a batch never reads more than its rows; its agents only where it matters. */
const RUNS: Statement = {
  text: `SELECT r.id, r.organization_id, r.team_id, CASE WHEN EXISTS (
        SELECT 1 FROM jsonb_array_elements(r.agents) a
        WHERE NOT starts_with(a ->> 'sealedEnv', $2) OR NOT starts_with(a ->> 'sealedMcpServers', $2)) THEN r.agents END AS agents,
      CASE WHEN EXISTS (SELECT 1 FROM jsonb_each_text(r.secrets) s WHERE NOT starts_with(s.value, $2)) THEN r.secrets END AS secrets
    FROM schedule_runs r WHERE r.id > $1 ORDER BY r.id LIMIT ${BATCH}`,
};
/** What is null needs nothing. A run that is finished meanwhile has no secrets any more, and is met by the next pass. */
const RESEAL_RUN: Statement = {
  text: `UPDATE schedule_runs SET agents = COALESCE($3::jsonb, agents), secrets = COALESCE($5::jsonb, secrets)
    WHERE id = $1 AND ($2::jsonb IS NULL OR agents = $2) AND ($4::jsonb IS NULL OR secrets = $4) RETURNING 1`,
};

const ANSWERS: Statement = {
  text: `SELECT organization_id, key, sealed_body FROM idempotency_keys
    WHERE (organization_id, key) > ($1, $2) AND sealed_body IS NOT NULL AND NOT starts_with(sealed_body, $3)
    ORDER BY organization_id, key LIMIT ${BATCH}`,
};
const RESEAL_ANSWER: Statement = {
  text: `UPDATE idempotency_keys SET sealed_body = $4
    WHERE organization_id = $1 AND key = $2 AND sealed_body = $3 RETURNING 1`,
};

const READ_CHECK: Statement = { text: 'SELECT seal_check FROM installation' };
const RESEAL_CHECK: Statement = { text: 'UPDATE installation SET seal_check = $1' };

/** Transactions that are under way now have numbers below this one. */
const NEXT_TRANSACTION: Statement = { text: 'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid' };
const OLDEST_TRANSACTION: Statement = {
  text: 'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS is_past',
};

interface AgentRow extends SealedFields {
  readonly organization_id: string;
  readonly team_id: string;
  readonly position: number;
  readonly name: string;
}

/** What of an agent is sealed, and where each belongs. */
const SEALED_FIELDS = { sealedEnv: envPlace, sealedMcpServers: mcpPlace } as const;
type SealedFields = { readonly [field in keyof typeof SEALED_FIELDS]?: string | null };

interface RunRow {
  readonly id: string;
  readonly organization_id: string;
  readonly team_id: string;
  readonly agents: readonly StoredAgent[] | null;
  readonly secrets: Readonly<Record<string, string>> | null;
}

interface SecretRow {
  readonly organization_id: string;
  readonly name: string;
  readonly sealed_value: string;
}

interface AnswerRow {
  readonly organization_id: string;
  readonly key: string;
  readonly sealed_body: string;
}

/**
 * Seals every stored secret with the current key and in the present form, while everything else goes on. A value that is
 * changed at the same moment stays as it was changed; a run that is being made may copy a value that was sealed before, so
 * passes are repeated until one finds nothing. May die anywhere and be run again. The check of the installation is last:
 * from then on the former key, and the former form, are needed no more. It stays as it is when a value is unreadable.
 */
export async function resealValues(
  db: Database,
  box: SecretBox,
  onBatch: (kind: SealedKind, resealed: number) => void,
): Promise<ResealReport> {
  const resealed = { secrets: 0, agents: 0, runs: 0, answers: 0 };
  for (let passes = 1; passes <= MAX_PASSES; passes++) {
    await othersEnd(db);
    const pass = new ResealPass(db, box, (kind, count) => {
      resealed[kind] += count;
      if (count > 0) onBatch(kind, count);
    });
    await pass.run();
    if (pass.found === 0) {
      if (pass.unreadable.length === 0) await resealCheck(db, box);
      return { resealed, unreadable: pass.unreadable };
    }
  }
  throw new AppError(
    'conflict',
    'values are still being sealed with another key: give every process the same CREWTAB_ENCRYPTION_KEY, then do this again',
  );
}

/** One walk through everything that is sealed. */
class ResealPass {
  readonly unreadable: string[] = [];
  /** Values that could be opened and were not sealed as they should be. */
  found = 0;

  constructor(
    private readonly db: Database,
    private readonly box: SecretBox,
    private readonly onBatch: (kind: SealedKind, resealed: number) => void,
  ) {}

  async run(): Promise<void> {
    await this.resealSecrets();
    await this.resealAgents();
    await this.resealRuns();
    await this.resealAnswers();
  }

  private async resealSecrets(): Promise<void> {
    let after: readonly [string, string] = [LOWEST_ID, ''];
    for (;;) {
      const rows = await this.db.query<SecretRow>(SECRETS, [...after, this.box.prefix]);
      let count = 0;
      for (const { organization_id: organizationId, name, sealed_value: sealed } of rows) {
        const anew = this.sealAnew(sealed, secretPlace(organizationId, name), `the secret ${name}`);
        if (anew === null) continue;
        count += (await this.db.query(RESEAL_SECRET, [organizationId, name, sealed, anew])).length;
      }
      this.onBatch('secrets', count);
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = [last.organization_id, last.name];
    }
  }

  private async resealAgents(): Promise<void> {
    let after: readonly [string, number] = [LOWEST_ID, 0];
    for (;;) {
      const rows = await this.db.query<AgentRow>(AGENTS, [...after, this.box.prefix]);
      let count = 0;
      for (const row of rows) {
        const owner = { organizationId: row.organization_id, teamId: row.team_id };
        const anew = this.resealAgent(owner, row, `agent ${row.name} of team ${row.team_id}`);
        if (anew === null) continue;
        const { sealedEnv, sealedMcpServers } = row;
        const values = [row.team_id, row.position, row.name, sealedEnv, sealedMcpServers];
        values.push(anew.sealedEnv, anew.sealedMcpServers);
        count += (await this.db.query(RESEAL_AGENT, values)).length;
      }
      this.onBatch('agents', count);
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = [last.team_id, last.position];
    }
  }

  private async resealRuns(): Promise<void> {
    let after = LOWEST_ID;
    for (;;) {
      const rows = await this.db.query<RunRow>(RUNS, [after, this.box.prefix]);
      let count = 0;
      for (const row of rows) {
        const agents = row.agents && this.resealAgentsOf(row, row.agents);
        const secrets = row.secrets && this.resealSecretsOf(row, row.secrets);
        if (!agents && !secrets) continue;
        const values = [row.id, ...change(row.agents, agents), ...change(row.secrets, secrets)];
        count += (await this.db.query(RESEAL_RUN, values)).length;
      }
      this.onBatch('runs', count);
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = last.id;
    }
  }

  /** Null when none of them can be sealed anew. */
  private resealAgentsOf(row: RunRow, agents: readonly StoredAgent[]): readonly StoredAgent[] | null {
    const owner = { organizationId: row.organization_id, teamId: row.team_id };
    let isChanged = false;
    const anew = agents.map((agent) => {
      const resealed = this.resealAgent(owner, agent, `agent ${agent.name} of run ${row.id}`);
      isChanged ||= resealed !== null;
      return resealed ?? agent;
    });
    return isChanged ? anew : null;
  }

  /** Null when none of them can be sealed anew. */
  private resealSecretsOf(
    row: RunRow,
    secrets: NonNullable<RunRow['secrets']>,
  ): Readonly<Record<string, string>> | null {
    const anew = Object.entries(secrets).flatMap(([name, sealed]) => {
      if (sealed.startsWith(this.box.prefix)) return [];
      const resealed = this.sealAnew(
        sealed,
        secretPlace(row.organization_id, name),
        `the secret ${name} of run ${row.id}`,
      );
      return resealed === null ? [] : [[name, resealed] as const];
    });
    return anew.length > 0 ? { ...secrets, ...Object.fromEntries(anew) } : null;
  }

  /** Null when nothing of it is sealed anew. */
  private resealAgent<A extends SealedFields & { readonly name: string }>(
    owner: AgentOwner,
    agent: A,
    what: string,
  ): A | null {
    const anew = Object.entries(SEALED_FIELDS).flatMap(([field, placeOf]) => {
      const sealed = agent[field as keyof SealedFields];
      if (!sealed || sealed.startsWith(this.box.prefix)) return [];
      const resealed = this.sealAnew(sealed, placeOf(owner, agent.name), what);
      return resealed === null ? [] : [[field, resealed] as const];
    });
    return anew.length > 0 ? { ...agent, ...Object.fromEntries(anew) } : null;
  }

  private async resealAnswers(): Promise<void> {
    let after: readonly [string, string] = [LOWEST_ID, ''];
    for (;;) {
      const rows = await this.db.query<AnswerRow>(ANSWERS, [...after, this.box.prefix]);
      let count = 0;
      for (const row of rows) {
        const place = answerPlace(row.organization_id, row.key);
        const anew = this.sealAnew(row.sealed_body, place, `the answer to the Idempotency-Key ${row.key}`);
        if (anew === null) continue;
        count += (await this.db.query(RESEAL_ANSWER, [row.organization_id, row.key, row.sealed_body, anew])).length;
      }
      this.onBatch('answers', count);
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = [last.organization_id, last.key];
    }
  }

  private sealAnew(sealedText: string, place: SealedPlace, what: string): string | null {
    try {
      const anew = this.box.seal(this.box.open(sealedText, place), place);
      this.found += 1;
      return anew;
    } catch (error) {
      this.unreadable.push(`${what}: ${errorMessage(error)}`);
      return null;
    }
  }
}

/** From and to, where something is to be changed. */
function change<T>(from: T | null, to: T | null): (string | null)[] {
  return to === null ? [null, null] : [JSON.stringify(from), JSON.stringify(to)];
}

async function resealCheck(db: Database, box: SecretBox): Promise<void> {
  const [row] = await db.query<{ seal_check: string }>(READ_CHECK);
  if (!row || row.seal_check.startsWith(box.prefix)) return;
  await db.query(RESEAL_CHECK, [box.seal(box.open(row.seal_check, CHECK_PLACE), CHECK_PLACE)]);
}

/** Until every transaction that is under way now has ended, so that the next pass sees what it wrote. */
async function othersEnd(db: Database): Promise<void> {
  const [next] = await db.query<{ xid: string }>(NEXT_TRANSACTION);
  for (let waitedMs = 0; ; waitedMs += OTHERS_EVERY_MS) {
    const [oldest] = await db.query<{ is_past: boolean }>(OLDEST_TRANSACTION, [next?.xid]);
    if (oldest?.is_past) return;
    if (waitedMs >= OTHERS_LIMIT_MS) {
      throw new AppError('conflict', 'a transaction has been open for over a minute: end it, then do this again');
    }
    await delay(OTHERS_EVERY_MS);
  }
}
