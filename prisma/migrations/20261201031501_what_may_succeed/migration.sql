-- What a run may end with and have succeeded all the same: a setting of the schedule, copied into its runs.

-- AlterTable
ALTER TABLE "schedules" ADD COLUMN     "allow_empty" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "allow_open_tool_calls" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "allow_empty" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "allow_open_tool_calls" BOOLEAN NOT NULL DEFAULT false;

-- They are fields of a schedule's revisions.
CREATE OR REPLACE FUNCTION "schedule_fields"("s" "schedules") RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('teamId', s."team_id", 'name', s."name", 'prompt', s."prompt", 'cron', s."cron", 'timezone', s."timezone",
        'enabled', s."enabled", 'timeoutMs', s."timeout_ms", 'overlap', s."overlap", 'catchUp', s."catch_up",
        'catchUpWindowMs', s."catch_up_window_ms", 'allowEmpty', s."allow_empty", 'allowOpenToolCalls', s."allow_open_tool_calls")
$$;

DROP TRIGGER "schedules_note_revision" ON "schedules";
CREATE TRIGGER "schedules_note_revision"
    BEFORE UPDATE OF "team_id", "name", "prompt", "cron", "timezone", "enabled", "timeout_ms", "overlap", "catch_up", "catch_up_window_ms",
        "allow_empty", "allow_open_tool_calls"
    ON "schedules" FOR EACH ROW EXECUTE FUNCTION "schedules_note_revision"();
