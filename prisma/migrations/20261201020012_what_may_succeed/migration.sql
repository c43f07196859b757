-- What a run may end with and have succeeded all the same: a setting of the schedule, copied into its runs.

-- AlterTable
ALTER TABLE "schedules" ADD COLUMN     "allow_empty" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "allow_open_tool_calls" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "allow_empty" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "allow_open_tool_calls" BOOLEAN NOT NULL DEFAULT false;
