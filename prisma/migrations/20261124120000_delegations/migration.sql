-- The call table of a team's tools: what the leader delegated, to whom, and what came back.

-- CreateTable
CREATE TABLE "delegations" (
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "id" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "from_agent" TEXT NOT NULL,
    "to_agent" TEXT NOT NULL,
    "task" TEXT NOT NULL,
    "permit_epoch" INTEGER,
    "answer_text" TEXT,
    "answer_error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "answered_at" TIMESTAMPTZ(3),

    CONSTRAINT "delegations_pkey" PRIMARY KEY ("run_id","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "delegations_run_id_position_key" ON "delegations"("run_id", "position");

-- AddForeignKey
ALTER TABLE "delegations" ADD CONSTRAINT "delegations_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- An answer is a text or an error, and comes with its instant.
ALTER TABLE "delegations" ADD CONSTRAINT "delegations_answer_is_whole"
    CHECK (("answered_at" IS NOT NULL) = (num_nonnulls("answer_text", "answer_error") = 1) AND num_nonnulls("answer_text", "answer_error") <= 1);
