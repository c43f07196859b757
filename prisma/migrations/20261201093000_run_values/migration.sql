-- Lists of runs by what they took and what they cost: ranges that are sorted as the pages are, like those of
-- 20261130201000_run_lists.
--
-- The table is rewritten once, under a lock that lets others neither read nor write it meanwhile: about 20 s for a million runs.

-- AlterTable
ALTER TABLE "schedule_runs"
    ADD COLUMN "took_ms" BIGINT GENERATED ALWAYS AS ((extract(epoch FROM "finished_at" - "started_at") * 1000)::bigint) STORED,
    ADD COLUMN "cost" DOUBLE PRECISION;

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

-- The amount that `crewtab_usage_of_run` tells of a finished run. No law and no event is about it.
ALTER TABLE "schedule_runs" DISABLE TRIGGER USER;
UPDATE "schedule_runs" r SET "cost" = used."cost"
FROM (
    SELECT u."run_id", sum(u."cost") AS "cost" FROM "agent_usages" u
    GROUP BY u."run_id" HAVING count(u."cost") > 0 AND count(DISTINCT u."currency") = 1) AS used
WHERE used."run_id" = r."id" AND r."phase" = 'finished';
ALTER TABLE "schedule_runs" ENABLE TRIGGER USER;

CREATE FUNCTION "schedule_runs_tell_cost"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    SELECT CASE WHEN count(DISTINCT u."currency") = 1 THEN sum(u."cost") END INTO NEW."cost" FROM "crewtab_count_usage"(NEW) AS u;
    RETURN NEW;
END
$$;

CREATE TRIGGER "schedule_runs_tell_cost" BEFORE UPDATE ON "schedule_runs" FOR EACH ROW
    WHEN (NEW."phase" = 'finished' AND OLD."phase" <> 'finished' AND NEW."started_at" IS NOT NULL)
    EXECUTE FUNCTION "schedule_runs_tell_cost"();

-- CreateIndex
CREATE INDEX "schedule_runs_listed_by_span" ON "schedule_runs" ("organization_id", "status", "trigger", "took_ms" DESC, "id" DESC)
    WHERE "took_ms" IS NOT NULL;

CREATE INDEX "schedule_runs_listed_by_cost" ON "schedule_runs" ("organization_id", "status", "trigger", "cost" DESC, "id" DESC)
    WHERE "cost" IS NOT NULL;
