-- A schedule that cannot be evaluated (its cron cannot be read, its zone is not in the zone data) is set aside, so that
-- it holds up nobody else, and says why.

-- AlterTable
ALTER TABLE "schedules" ADD COLUMN     "fault" TEXT,
ADD COLUMN     "fault_since" TIMESTAMPTZ(3),
ADD COLUMN     "retry_at" TIMESTAMPTZ(3);

ALTER TABLE "schedules" ADD CONSTRAINT "schedules_fault_is_whole"
    CHECK (("fault" IS NULL) = ("fault_since" IS NULL) AND ("fault" IS NULL) = ("retry_at" IS NULL));
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_fault_is_of_the_enabled" CHECK ("fault" IS NULL OR "enabled");
