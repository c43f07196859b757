-- Prompts that are templates: rendered once, when a run begins, with the window of time that the run is about. What is there
-- already stays plain.

-- AlterTable
ALTER TABLE "schedules" ADD COLUMN     "prompt_format" TEXT NOT NULL DEFAULT 'plain',
ADD COLUMN     "variables" JSONB NOT NULL DEFAULT '{}';

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "prompt_format" TEXT NOT NULL DEFAULT 'plain',
ADD COLUMN     "variables" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "has_own_prompt" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "rendered_prompt" TEXT,
ADD COLUMN     "window_start" TIMESTAMPTZ(3),
ADD COLUMN     "window_end" TIMESTAMPTZ(3);

-- They are fields of a schedule's revisions.
CREATE OR REPLACE FUNCTION "schedule_fields"("s" "schedules") RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('teamId', s."team_id", 'name', s."name", 'prompt', s."prompt", 'cron', s."cron", 'timezone', s."timezone",
        'enabled', s."enabled", 'timeoutMs', s."timeout_ms", 'overlap', s."overlap", 'catchUp', s."catch_up",
        'catchUpWindowMs', s."catch_up_window_ms", 'allowEmpty', s."allow_empty", 'allowOpenToolCalls', s."allow_open_tool_calls",
        'promptFormat', s."prompt_format", 'variables', s."variables")
$$;

DROP TRIGGER "schedules_note_revision" ON "schedules";
CREATE TRIGGER "schedules_note_revision"
    BEFORE UPDATE OF "team_id", "name", "prompt", "cron", "timezone", "enabled", "timeout_ms", "overlap", "catch_up", "catch_up_window_ms",
        "allow_empty", "allow_open_tool_calls", "prompt_format", "variables"
    ON "schedules" FOR EACH ROW EXECUTE FUNCTION "schedules_note_revision"();

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE "schedules" ADD CONSTRAINT "schedules_prompt_format" CHECK ("prompt_format" IN ('plain', 'template'));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_prompt_format" CHECK ("prompt_format" IN ('plain', 'template'));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_window_is_whole"
    CHECK (("window_start" IS NULL) = ("window_end" IS NULL) AND "window_start" <= "window_end");
