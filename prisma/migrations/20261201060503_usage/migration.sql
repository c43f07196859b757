-- What agents used: as they report it, and at the end of their run as rows that can be summed up.

-- AlterTable
ALTER TABLE "deployment_agents" ADD COLUMN     "usage" JSONB;

-- CreateTable
CREATE TABLE "agent_usages" (
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "agent" TEXT NOT NULL,
    "schedule_id" UUID,
    "team_id" UUID NOT NULL,
    "scheduled_for" TIMESTAMPTZ(3) NOT NULL,
    "preset" TEXT,
    "model" TEXT,
    "is_leader" BOOLEAN NOT NULL,
    "input_tokens" BIGINT,
    "output_tokens" BIGINT,
    "cost" DOUBLE PRECISION,
    "currency" TEXT,
    "lacks_tokens" BOOLEAN NOT NULL,
    "lacks_cost" BOOLEAN NOT NULL,
    "run_lacks_tokens" BOOLEAN NOT NULL,
    "run_lacks_cost" BOOLEAN NOT NULL,
    "run_knows_tokens" BOOLEAN NOT NULL,
    "run_knows_cost" BOOLEAN NOT NULL,

    CONSTRAINT "agent_usages_pkey" PRIMARY KEY ("run_id","agent")
);

-- CreateIndex
CREATE INDEX "agent_usages_organization_id_scheduled_for_idx" ON "agent_usages"("organization_id", "scheduled_for");

-- AddForeignKey
ALTER TABLE "agent_usages" ADD CONSTRAINT "agent_usages_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "agent_usages" FOR EACH ROW EXECUTE FUNCTION "history_guard"();

-- What each agent of the run that was given a turn has reported by now, whichever version its worker has. A turn that has not
-- ended, or told nothing, makes the sum a part of the whole.
CREATE FUNCTION "crewtab_count_usage"("run" "schedule_runs") RETURNS SETOF "agent_usages"
    LANGUAGE sql STABLE
    AS $$
    SELECT run."organization_id", run."id", told."agent", run."schedule_id", run."team_id", run."scheduled_for", told."preset", told."model",
        told."is_leader", told."input_tokens", told."output_tokens", told."cost", told."currency", told."lacks_tokens", told."lacks_cost",
        bool_or(told."lacks_tokens") OVER (), bool_or(told."lacks_cost") OVER (),
        bool_or(told."input_tokens" IS NOT NULL) OVER (), bool_or(told."cost" IS NOT NULL) OVER ()
    FROM (
        SELECT a."name" AS "agent", planned."preset", planned."is_leader",
            COALESCE(planned."model", run."presets" -> planned."preset" -> 'model' ->> 'default') AS "model",
            (a."usage" ->> 'inputTokens')::bigint AS "input_tokens", (a."usage" ->> 'outputTokens')::bigint AS "output_tokens",
            (a."usage" -> 'cost' ->> 'amount')::float8 AS "cost", a."usage" -> 'cost' ->> 'currency' AS "currency",
            NOT COALESCE(a."usage" ->> 'inputTokens' IS NOT NULL AND (a."usage" ->> 'countedTurns')::int >= given."turns", false) AS "lacks_tokens",
            NOT COALESCE(a."usage" -> 'cost' ->> 'amount' IS NOT NULL AND (a."usage" ->> 'turns')::int >= given."turns", false) AS "lacks_cost"
        FROM "deployment_agents" a
        JOIN jsonb_to_recordset(run."agents") AS agent("name" text, "role" text, "preset" text, "model" text) ON agent."name" = a."name"
        CROSS JOIN LATERAL (SELECT agent."preset", agent."model", agent."role" = 'leader' AS "is_leader") AS planned
        CROSS JOIN LATERAL (
            SELECT (SELECT count(*) FROM "delegations" d
                    WHERE d."run_id" = run."id" AND d."to_agent" = a."name" AND d."permit_epoch" IS NOT NULL)
                + (SELECT count(*) FROM "prompt_permits" p WHERE p."run_id" = run."id" AND planned."is_leader") AS "turns") AS given
        WHERE a."run_id" = run."id" AND (given."turns" > 0 OR a."usage" IS NOT NULL)) AS told
$$;

-- The same of a run that has ended, as it was stored then: what is needed to count it may be gone by now.
CREATE FUNCTION "crewtab_usage_of_agents"("of_run" uuid) RETURNS SETOF "agent_usages"
    LANGUAGE sql STABLE
    AS $$
    SELECT u.* FROM "agent_usages" u WHERE u."run_id" = of_run
    UNION ALL
    SELECT counted.* FROM "schedule_runs" r, LATERAL "crewtab_count_usage"(r) AS counted
    WHERE r."id" = of_run AND r."started_at" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "agent_usages" u WHERE u."run_id" = of_run)
$$;

-- The API's usage of a run; null: nothing is known of it. Costs in different currencies make no sum.
CREATE FUNCTION "crewtab_usage_of_run"("of_run" uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN count(u."input_tokens") + count(u."cost") > 0 THEN jsonb_build_object(
        'inputTokens', sum(u."input_tokens"), 'outputTokens', sum(u."output_tokens"),
        'cost', CASE WHEN count(DISTINCT u."currency") = 1
            THEN jsonb_build_object('amount', sum(u."cost"), 'currency', min(u."currency")) END,
        'incomplete', to_jsonb(array_remove(ARRAY[
            CASE WHEN bool_or(u."lacks_tokens") THEN 'tokens' END,
            CASE WHEN bool_or(u."lacks_cost") OR count(DISTINCT u."currency") <> 1 THEN 'cost' END], NULL))) END
    FROM "crewtab_usage_of_agents"(of_run) AS u
$$;

-- With the outcome, and once more at the end: agents that are asked to end their turns may still tell what they used.
CREATE FUNCTION "schedule_runs_count_usage"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "agent_usages" SELECT counted.* FROM "crewtab_count_usage"(NEW) AS counted
    ON CONFLICT ("run_id", "agent") DO UPDATE SET "input_tokens" = EXCLUDED."input_tokens", "output_tokens" = EXCLUDED."output_tokens",
        "cost" = EXCLUDED."cost", "currency" = EXCLUDED."currency", "lacks_tokens" = EXCLUDED."lacks_tokens",
        "lacks_cost" = EXCLUDED."lacks_cost", "run_lacks_tokens" = EXCLUDED."run_lacks_tokens", "run_lacks_cost" = EXCLUDED."run_lacks_cost",
        "run_knows_tokens" = EXCLUDED."run_knows_tokens", "run_knows_cost" = EXCLUDED."run_knows_cost";
    RETURN NULL;
END
$$;

-- Triggers run in the order of their names: before the one that writes the event.
CREATE TRIGGER "schedule_runs_count_usage" AFTER UPDATE ON "schedule_runs" FOR EACH ROW
    WHEN (NEW."phase" <> OLD."phase" AND NEW."phase" IN ('tearing_down', 'finished') AND NEW."started_at" IS NOT NULL)
    EXECUTE FUNCTION "schedule_runs_count_usage"();

-- The event of the end tells what the run used.
CREATE FUNCTION "run_events_tell_usage"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    used CONSTANT jsonb := "crewtab_usage_of_run"(NEW."run_id");
BEGIN
    IF used IS NOT NULL THEN
        NEW."data" := NEW."data" || jsonb_build_object('usage', used);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER "run_events_tell_usage" BEFORE INSERT ON "run_events" FOR EACH ROW
    WHEN (NEW."data" ? 'from' AND NEW."data" -> 'to' ->> 'phase' = 'finished')
    EXECUTE FUNCTION "run_events_tell_usage"();
