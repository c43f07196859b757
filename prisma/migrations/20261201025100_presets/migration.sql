-- Agents by name: which preset an agent has, and the presets as they were when a run began.

-- AlterTable
ALTER TABLE "agents" ADD COLUMN     "preset" TEXT,
ADD COLUMN     "model" TEXT;

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "presets" JSONB;
