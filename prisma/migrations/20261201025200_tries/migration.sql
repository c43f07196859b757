-- Tries: runs of a team without a schedule.

-- AlterTable
ALTER TABLE "schedule_runs" ALTER COLUMN "schedule_id" DROP NOT NULL;

-- AlterTable
ALTER TABLE "run_events" ALTER COLUMN "schedule_id" DROP NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

-- Only a person starts a run without a schedule, and no other run of its team is in its way.
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_instants_have_a_schedule"
    CHECK ("schedule_id" IS NOT NULL OR ("trigger" IN ('manual', 'rerun') AND NOT "exclusive" AND "status" NOT IN ('skipped', 'missed')));

-- The guards compare ids, and know nothing of null.
CREATE FUNCTION "schedule_of_run_is_fixed"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'run % breaks schedule_runs_identity_is_fixed', OLD."id"
        USING ERRCODE = 'check_violation', CONSTRAINT = 'schedule_runs_identity_is_fixed', TABLE = 'schedule_runs';
END
$$;

CREATE TRIGGER "schedule_of_run_is_fixed" BEFORE UPDATE ON "schedule_runs" FOR EACH ROW
    WHEN ((OLD."schedule_id" IS NULL) <> (NEW."schedule_id" IS NULL))
    EXECUTE FUNCTION "schedule_of_run_is_fixed"();

-- As before, and: no schedule needs the runs that have none.
CREATE OR REPLACE FUNCTION "crewtab_is_dispensable"("run" "schedule_runs") RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT (run."request_key" IS NULL OR run."queued_at" < now() - interval '1 day')
        AND (run."schedule_id" IS NULL
            OR NOT EXISTS (SELECT 1 FROM "schedules" s WHERE s."id" = run."schedule_id" AND s."next_fire_at" <= run."scheduled_for")
            AND (run."status" IN ('skipped', 'missed') OR EXISTS (SELECT 1 FROM "schedule_runs" n
                WHERE n."schedule_id" = run."schedule_id" AND n."status" IN ('success', 'failed', 'timeout', 'cancelled')
                    AND n."finished_at" > run."finished_at"))
            AND (run."status" <> 'success' OR EXISTS (SELECT 1 FROM "schedule_runs" n
                WHERE n."schedule_id" = run."schedule_id" AND n."status" = 'success' AND n."finished_at" > run."finished_at"))
            AND (run."started_at" IS NULL OR EXISTS (SELECT 1 FROM "schedule_runs" n
                WHERE n."schedule_id" = run."schedule_id" AND n."started_at" > run."started_at")))
$$;
