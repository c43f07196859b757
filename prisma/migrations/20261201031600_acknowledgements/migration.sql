-- Who has seen how a run ended: it needs no person any more.
ALTER TABLE "schedule_runs" ADD COLUMN     "acknowledged_at" TIMESTAMPTZ(3),
ADD COLUMN     "acknowledged_by" TEXT,
ADD COLUMN     "acknowledgement_note" TEXT;

ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_acknowledgement_is_whole"
    CHECK (("acknowledged_at" IS NULL) = ("acknowledged_by" IS NULL)
        AND ("acknowledgement_note" IS NULL OR "acknowledged_at" IS NOT NULL));

-- What ended badly and was not acknowledged, newest first.
CREATE INDEX "schedule_runs_unsettled" ON "schedule_runs" ("organization_id", "scheduled_for" DESC, "id" DESC)
    WHERE "status" IN ('failed', 'timeout', 'missed') AND "acknowledged_at" IS NULL;
-- Acknowledging a run settles the earlier ones of its schedule; few rows.
CREATE INDEX "schedule_runs_acknowledged" ON "schedule_runs" ("schedule_id", "scheduled_for") WHERE "acknowledged_at" IS NOT NULL;
