-- What a schedule asks of the work of its runs and keeps of it, and what became of it in a run.

-- AlterTable
ALTER TABLE "schedules" ADD COLUMN     "artifacts" JSONB,
ADD COLUMN     "verify" JSONB;

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "artifact_bytes" BIGINT,
ADD COLUMN     "artifact_count" INTEGER,
ADD COLUMN     "artifacts" JSONB,
ADD COLUMN     "concluded_at" TIMESTAMPTZ(3),
ADD COLUMN     "understood_epoch" INTEGER,
ADD COLUMN     "verification" JSONB,
ADD COLUMN     "verify" JSONB;

-- CreateTable
CREATE TABLE "artifacts" (
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "path" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "digest" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "kept_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "artifacts_pkey" PRIMARY KEY ("run_id","path")
);

-- CreateTable
CREATE TABLE "artifact_removals" (
    "run_id" UUID NOT NULL,
    "asked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "artifact_removals_pkey" PRIMARY KEY ("run_id")
);

-- AddForeignKey
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A run whose artifacts are being collected has its outcome.
ALTER TABLE "schedule_runs" DROP CONSTRAINT "schedule_runs_terminal_phase_is_late";
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_terminal_phase_is_late"
    CHECK ("status" IN ('queued', 'running') OR "phase" IN ('collecting', 'tearing_down', 'finished'));
-- Success means success: where a verification is asked for, it has passed before the outcome is decided.
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_success_is_verified"
    CHECK ("verify" IS NULL OR COALESCE("verification" ->> 'status', '') = 'passed'
        OR ("status" <> 'success' AND ("status" <> 'running' OR "phase" NOT IN ('collecting', 'tearing_down'))));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_verifying_was_asked_for"
    CHECK ("phase" <> 'verifying' OR "verify" IS NOT NULL);
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_collecting_was_asked_for"
    CHECK ("phase" <> 'collecting' OR "artifacts" IS NOT NULL);

-- A worker of a version before would end such a run without its verification, or know no way on from its phase: its claim finds
-- no run. A worker that knows them says so with every claim.
CREATE FUNCTION "schedule_runs_leave_alone"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN NULL;
END
$$;

CREATE TRIGGER "schedule_runs_leave_alone" BEFORE UPDATE ON "schedule_runs"
    FOR EACH ROW
    WHEN (NEW."epoch" <> OLD."epoch" AND NEW."owner" IS NOT NULL AND (NEW."verify" IS NOT NULL OR NEW."artifacts" IS NOT NULL)
        AND NEW."understood_epoch" IS DISTINCT FROM NEW."epoch")
    EXECUTE FUNCTION "schedule_runs_leave_alone"();

-- They are fields of a schedule's revisions.
CREATE OR REPLACE FUNCTION "schedule_fields"("s" "schedules") RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('teamId', s."team_id", 'name', s."name", 'prompt', s."prompt", 'cron', s."cron", 'timezone', s."timezone",
        'enabled', s."enabled", 'timeoutMs', s."timeout_ms", 'overlap', s."overlap", 'catchUp', s."catch_up",
        'catchUpWindowMs', s."catch_up_window_ms", 'allowEmpty', s."allow_empty", 'allowOpenToolCalls', s."allow_open_tool_calls",
        'promptFormat', s."prompt_format", 'variables', s."variables", 'verify', s."verify", 'artifacts', s."artifacts")
$$;

DROP TRIGGER "schedules_note_revision" ON "schedules";
CREATE TRIGGER "schedules_note_revision"
    BEFORE UPDATE OF "team_id", "name", "prompt", "cron", "timezone", "enabled", "timeout_ms", "overlap", "catch_up", "catch_up_window_ms",
        "allow_empty", "allow_open_tool_calls", "prompt_format", "variables", "verify", "artifacts"
    ON "schedules" FOR EACH ROW EXECUTE FUNCTION "schedules_note_revision"();

-- Files are no part of the database: those of a deleted run are removed by the scheduler that finds it here.
CREATE FUNCTION "schedule_runs_ask_for_removal"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "artifact_removals" ("run_id") VALUES (OLD."id") ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER "schedule_runs_ask_for_removal" AFTER DELETE ON "schedule_runs"
    FOR EACH ROW WHEN (OLD."artifacts" IS NOT NULL) EXECUTE FUNCTION "schedule_runs_ask_for_removal"();
