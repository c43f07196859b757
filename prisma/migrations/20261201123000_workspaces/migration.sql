-- What the runs of a team find in their workspace, and the copy that a run has.

-- AlterTable
ALTER TABLE "teams" ADD COLUMN     "workspace" JSONB;

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "workspace" JSONB;

-- A worker of a version before would start the agents in an empty folder: its claim finds no run, as with `verify`.
DROP TRIGGER "schedule_runs_leave_alone" ON "schedule_runs";
CREATE TRIGGER "schedule_runs_leave_alone" BEFORE UPDATE ON "schedule_runs"
    FOR EACH ROW
    WHEN (NEW."epoch" <> OLD."epoch" AND NEW."owner" IS NOT NULL
        AND (NEW."verify" IS NOT NULL OR NEW."artifacts" IS NOT NULL OR NEW."workspace" IS NOT NULL)
        AND NEW."understood_epoch" IS DISTINCT FROM NEW."epoch")
    EXECUTE FUNCTION "schedule_runs_leave_alone"();
