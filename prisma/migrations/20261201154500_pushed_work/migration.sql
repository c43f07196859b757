-- What was fetched into a run's workspace, and what became of the push of its work.

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "push" JSONB,
ADD COLUMN     "repository" JSONB,
ADD COLUMN     "workspace_epoch" INTEGER;

-- A run whose work is pushed passes through verifying too, whether or not its schedule asks for checks.
ALTER TABLE "schedule_runs" DROP CONSTRAINT "schedule_runs_verifying_was_asked_for";
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_verifying_was_asked_for"
    CHECK ("phase" <> 'verifying' OR "verify" IS NOT NULL OR "workspace" #> '{git,push}' IS NOT NULL);
-- So does one whose changes are kept as a file through collecting.
ALTER TABLE "schedule_runs" DROP CONSTRAINT "schedule_runs_collecting_was_asked_for";
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_collecting_was_asked_for"
    CHECK ("phase" <> 'collecting' OR "artifacts" IS NOT NULL OR COALESCE("workspace" #> '{git,diff}' = 'true'::jsonb, false));
-- Success means success: what was to be pushed has been.
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_success_is_pushed"
    CHECK ("workspace" #> '{git,push}' IS NULL OR COALESCE("push" ->> 'state', '') IN ('pushed', 'nothing')
        OR ("status" <> 'success' AND ("status" <> 'running' OR "phase" NOT IN ('collecting', 'tearing_down'))));

-- A worker of a version before knows neither pushes, nor files of changes, nor workspaces that are kept: its claim finds no such run.
DROP TRIGGER "schedule_runs_leave_alone" ON "schedule_runs";
CREATE TRIGGER "schedule_runs_leave_alone" BEFORE UPDATE ON "schedule_runs"
    FOR EACH ROW
    WHEN (NEW."epoch" <> OLD."epoch" AND NEW."owner" IS NOT NULL
        AND (((NEW."verify" IS NOT NULL OR NEW."artifacts" IS NOT NULL OR NEW."workspace" IS NOT NULL)
                AND NEW."understood_epoch" IS DISTINCT FROM NEW."epoch")
            OR ((NEW."workspace" #> '{git,push}' IS NOT NULL OR NEW."workspace" #> '{git,diff}' = 'true'::jsonb
                    OR NEW."workspace" -> 'persist' = 'true'::jsonb)
                AND NEW."workspace_epoch" IS DISTINCT FROM NEW."epoch")))
    EXECUTE FUNCTION "schedule_runs_leave_alone"();

-- The file of changes is an artifact too.
DROP TRIGGER "schedule_runs_ask_for_removal" ON "schedule_runs";
CREATE TRIGGER "schedule_runs_ask_for_removal" AFTER DELETE ON "schedule_runs"
    FOR EACH ROW WHEN (OLD."artifacts" IS NOT NULL OR COALESCE(OLD."workspace" #> '{git,diff}' = 'true'::jsonb, false))
    EXECUTE FUNCTION "schedule_runs_ask_for_removal"();
