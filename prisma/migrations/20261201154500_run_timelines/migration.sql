-- When the work of a run was over, and when each of its agents ended: what the run's timeline shows.

-- AlterTable
ALTER TABLE "deployment_agents" ADD COLUMN     "ended_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "work_ended_at" TIMESTAMPTZ(3);
