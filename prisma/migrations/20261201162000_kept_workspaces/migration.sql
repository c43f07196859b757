-- Workspaces that are kept between the runs of a schedule, and which of them a run has.

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "workspace_generation" INTEGER,
ADD COLUMN     "workspace_notice" TEXT;

-- CreateTable
CREATE TABLE "kept_workspaces" (
    "schedule_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "generation" INTEGER NOT NULL,
    "host" TEXT,
    "used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "emptied" TEXT,

    CONSTRAINT "kept_workspaces_pkey" PRIMARY KEY ("schedule_id")
);

-- A workspace is never that of two runs at a time: only runs that exclude each other keep one.
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_kept_workspace_is_exclusive"
    CHECK ("workspace_generation" IS NULL OR ("exclusive" AND "schedule_id" IS NOT NULL));
