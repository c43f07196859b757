-- The log of what happened to runs. A trigger writes it in the transaction of the change, so no statement can forget an
-- event, an old worker during a rolling upgrade included. docs/adr/0015-run-events.md says how its positions are given.

-- CreateTable
CREATE TABLE "run_events" (
    "id" BIGSERIAL NOT NULL,
    "organization_id" UUID NOT NULL,
    "schedule_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "data" JSONB NOT NULL,
    "position" BIGINT,

    CONSTRAINT "run_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "run_event_log" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "last_position" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "run_event_log_pkey" PRIMARY KEY ("singleton")
);

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "blocked_by" UUID,
ADD COLUMN     "gap_from" TIMESTAMPTZ(3),
ADD COLUMN     "gap_to" TIMESTAMPTZ(3);

-- CreateIndex
CREATE UNIQUE INDEX "run_events_position_key" ON "run_events"("position");

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

-- Why a run never began

ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_blocked_is_skipped" CHECK ("blocked_by" IS NULL OR "status" = 'skipped');
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_gap_is_missed"
    CHECK (("gap_from" IS NULL) = ("gap_to" IS NULL) AND ("gap_from" IS NULL OR "status" = 'missed'));

-- Positions: given after the commit, by one transaction at a time

ALTER TABLE "run_event_log" ADD CONSTRAINT "run_event_log_is_one_row" CHECK ("singleton");
INSERT INTO "run_event_log" DEFAULT VALUES;

-- Committed events without a position; few, since readers number them as they come.
CREATE INDEX "run_events_unnumbered" ON "run_events" ("id") WHERE "position" IS NULL;

-- Gives positions to the oldest committed events that have none, and answers with them. Transactions that number take
-- turns by the row of run_event_log; transactions that write events never wait for it. The second statement needs a
-- snapshot taken after the lock, which READ COMMITTED gives; REPEATABLE READ fails instead of numbering wrongly.
CREATE FUNCTION "crewtab_number_run_events"("most" int) RETURNS SETOF "run_events"
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    base bigint;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM "run_events" WHERE "position" IS NULL) THEN
        RETURN;
    END IF;
    SELECT "last_position" INTO STRICT base FROM "run_event_log" FOR NO KEY UPDATE;
    RETURN QUERY
        WITH fresh AS MATERIALIZED (
            SELECT u."id", base + row_number() OVER (ORDER BY u."id") AS "position"
            FROM (SELECT e."id" FROM "run_events" e WHERE e."position" IS NULL ORDER BY e."id" LIMIT "most") AS u),
        counted AS (
            UPDATE "run_event_log" SET "last_position" = f."last" FROM (SELECT max(fresh."position") AS "last" FROM fresh) AS f
            WHERE f."last" IS NOT NULL),
        numbered AS (
            UPDATE "run_events" e SET "position" = fresh."position" FROM fresh WHERE e."id" = fresh."id" RETURNING e.*)
        SELECT * FROM numbered ORDER BY "position";
    PERFORM pg_notify('crewtab_run_events_numbered', '');
END
$$;

-- An event stays what it was written as. The condition is tested without a call, so numbering costs nothing more.
CREATE FUNCTION "run_events_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'event % of run % is written and stays as it is', OLD."id", OLD."run_id"
        USING ERRCODE = 'check_violation', CONSTRAINT = 'run_events_are_immutable', TABLE = 'run_events';
END
$$;

CREATE TRIGGER "run_events_guard" BEFORE UPDATE ON "run_events" FOR EACH ROW
    WHEN (OLD."position" IS NOT NULL OR NEW."id" <> OLD."id" OR NEW."organization_id" <> OLD."organization_id"
        OR NEW."schedule_id" <> OLD."schedule_id" OR NEW."run_id" <> OLD."run_id" OR NEW."type" <> OLD."type"
        OR NEW."at" <> OLD."at" OR NEW."data" <> OLD."data")
    EXECUTE FUNCTION "run_events_guard"();

-- Events

-- As the API writes instants.
CREATE FUNCTION "run_event_instant"("at" timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

CREATE FUNCTION "run_event_ms"("since" timestamptz, "till" timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN round(extract(epoch FROM "till" - "since") * 1000)::bigint;

-- A statement may make a thousand runs: their events are one insert.
CREATE FUNCTION "schedule_runs_note_made"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "run_events" ("organization_id", "schedule_id", "run_id", "type", "at", "data")
    SELECT r."organization_id", r."schedule_id", r."id", 'run.status', now(), jsonb_strip_nulls(jsonb_build_object(
        'to', jsonb_build_object('status', r."status", 'phase', r."phase"), 'epoch', r."epoch", 'trigger', r."trigger",
        'scheduledFor', "run_event_instant"(r."scheduled_for"),
        'lagMs', CASE WHEN r."trigger" IN ('schedule', 'catchup') THEN "run_event_ms"(r."scheduled_for", r."queued_at") END,
        'error', CASE WHEN r."error_code" IS NOT NULL
            THEN jsonb_build_object('code', r."error_code", 'message', r."error_message") END,
        'blockedBy', r."blocked_by",
        'gap', CASE WHEN r."gap_from" IS NOT NULL THEN jsonb_build_object('from', "run_event_instant"(r."gap_from"),
            'to', "run_event_instant"(r."gap_to")) END))
    FROM made r ORDER BY r."scheduled_for", r."id";
    RETURN NULL;
END
$$;

CREATE TRIGGER "schedule_runs_note_made" AFTER INSERT ON "schedule_runs" REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION "schedule_runs_note_made"();

-- Of one change the move comes last: after `finished` a run has no more events, but for a receipt that a host brings later.
CREATE FUNCTION "schedule_runs_note_change"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    types text[] := '{}';
    notes jsonb[] := '{}';
BEGIN
    IF NEW."cancel_requested_at" IS DISTINCT FROM OLD."cancel_requested_at" THEN
        types := types || 'run.cancel_requested'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'code', NEW."cancel_code");
    END IF;
    IF NEW."epoch" <> OLD."epoch" AND OLD."started_at" IS NOT NULL AND NEW."owner" IS NOT NULL THEN
        types := types || 'run.adopted'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'fromOwner', OLD."owner", 'toOwner', NEW."owner");
    END IF;
    IF NEW."teardown_failed_attempts" <> OLD."teardown_failed_attempts" THEN
        types := types || 'teardown.failed'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'attempts', NEW."teardown_failed_attempts",
            'error', jsonb_build_object('code', NEW."teardown_error_code", 'message', NEW."teardown_error_message"));
    END IF;
    IF NEW."teardown_given_up_at" IS DISTINCT FROM OLD."teardown_given_up_at" THEN
        types := types || 'teardown.given_up'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'by', NEW."teardown_given_up_by");
    END IF;
    IF NEW."teardown_verified_at" IS DISTINCT FROM OLD."teardown_verified_at" THEN
        types := types || 'teardown.verified'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch",
            'teardownMs', "run_event_ms"(NEW."teardown_begun_at", NEW."teardown_verified_at"));
    END IF;
    IF NEW."status" <> OLD."status" OR NEW."phase" <> OLD."phase" THEN
        types := types || CASE WHEN NEW."status" <> OLD."status" THEN 'run.status' ELSE 'run.phase' END;
        notes := notes || jsonb_strip_nulls(jsonb_build_object(
            'from', jsonb_build_object('status', OLD."status", 'phase', OLD."phase"),
            'to', jsonb_build_object('status', NEW."status", 'phase', NEW."phase"), 'epoch', NEW."epoch",
            'error', CASE WHEN NEW."status" <> OLD."status" AND NEW."error_code" IS NOT NULL
                THEN jsonb_build_object('code', NEW."error_code", 'message', NEW."error_message") END,
            'host', CASE WHEN OLD."started_at" IS NULL THEN NEW."host" END,
            'queuedMs', CASE WHEN OLD."started_at" IS NULL THEN "run_event_ms"(NEW."queued_at", NEW."started_at") END,
            'deployMs', CASE WHEN OLD."phase" = 'deploying' AND NEW."phase" = 'prompting'
                THEN "run_event_ms"(NEW."started_at", now()) END,
            'runMs', CASE WHEN OLD."finished_at" IS NULL THEN "run_event_ms"(NEW."started_at", NEW."finished_at") END));
    END IF;
    INSERT INTO "run_events" ("organization_id", "schedule_id", "run_id", "type", "at", "data")
    SELECT NEW."organization_id", NEW."schedule_id", NEW."id", e."type", now(), e."note"
    FROM unnest(types, notes) WITH ORDINALITY AS e("type", "note", "n") ORDER BY e."n";
    RETURN NULL;
END
$$;

-- Renewed leases, appended messages and the like are no events: the condition is tested without a call.
CREATE TRIGGER "schedule_runs_note_change" AFTER UPDATE ON "schedule_runs" FOR EACH ROW
    WHEN (NEW."status" <> OLD."status" OR NEW."phase" <> OLD."phase"
        OR (NEW."epoch" <> OLD."epoch" AND OLD."started_at" IS NOT NULL AND NEW."owner" IS NOT NULL)
        OR NEW."cancel_requested_at" IS DISTINCT FROM OLD."cancel_requested_at"
        OR NEW."teardown_failed_attempts" <> OLD."teardown_failed_attempts"
        OR NEW."teardown_verified_at" IS DISTINCT FROM OLD."teardown_verified_at"
        OR NEW."teardown_given_up_at" IS DISTINCT FROM OLD."teardown_given_up_at")
    EXECUTE FUNCTION "schedule_runs_note_change"();
