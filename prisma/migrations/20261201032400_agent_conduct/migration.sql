-- How an agent logs in, how long it may take, and which permissions it gets: settings that are stored as they are. And when an
-- agent was last heard of, so that a worker that adopts its run goes on measuring its silence.

-- AlterTable
ALTER TABLE "agents" ADD COLUMN     "conduct" JSONB;

-- AlterTable
ALTER TABLE "deployment_agents" ADD COLUMN     "active_at" TIMESTAMPTZ(3);
