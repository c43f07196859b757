-- Who is there: worker hosts, workers and schedulers, by their signs of life. And how a removal is given up when a host is
-- gone for good.

-- CreateTable
CREATE TABLE "hosts" (
    "id" TEXT NOT NULL,
    "runtime" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "reaped_at" TIMESTAMPTZ(3),
    "decommissioned_at" TIMESTAMPTZ(3),
    "decommissioned_by" TEXT,

    CONSTRAINT "hosts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "workers" (
    "id" TEXT NOT NULL,
    "host_id" TEXT NOT NULL,
    "hostname" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "version" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "capacity" INTEGER NOT NULL,
    "held_runs" INTEGER NOT NULL,
    "adopted_runs" INTEGER NOT NULL,
    "refusal" TEXT,
    "reaper_last_pass_at" TIMESTAMPTZ(3),
    "reaped_runs" INTEGER NOT NULL,
    "resisting_things" INTEGER NOT NULL,
    "reaper_error" TEXT,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "schedulers" (
    "id" TEXT NOT NULL,
    "hostname" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "version" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "steady_since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sweeper_last_pass_at" TIMESTAMPTZ(3),
    "sweeper_error" TEXT,

    CONSTRAINT "schedulers_pkey" PRIMARY KEY ("id")
);

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "teardown_given_up_at" TIMESTAMPTZ(3),
ADD COLUMN     "teardown_given_up_by" TEXT;

-- CreateIndex
CREATE INDEX "workers_host_id_idx" ON "workers"("host_id");

-- AddForeignKey
ALTER TABLE "workers" ADD CONSTRAINT "workers_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE "hosts" ADD CONSTRAINT "hosts_decommission_is_whole"
    CHECK (("decommissioned_at" IS NULL) = ("decommissioned_by" IS NULL));

-- Whatever began is finished only with proof that nothing is left, or because a person gave the removal up.
ALTER TABLE "schedule_runs" DROP CONSTRAINT "schedule_runs_finished_is_verified";
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_finished_is_verified"
    CHECK ("phase" <> 'finished' OR "started_at" IS NULL OR "teardown_verified_at" IS NOT NULL OR "teardown_given_up_at" IS NOT NULL);
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_given_up_is_whole"
    CHECK (("teardown_given_up_at" IS NULL) = ("teardown_given_up_by" IS NULL)
        AND ("teardown_given_up_at" IS NULL OR "phase" = 'finished'));
-- Removals that were given up and not proven since: few, and asked for when a host comes back.
CREATE INDEX "schedule_runs_given_up" ON "schedule_runs" ("host")
    WHERE "teardown_given_up_at" IS NOT NULL AND "teardown_verified_at" IS NULL;

-- As before, and: who gave a removal up stays written.
CREATE OR REPLACE FUNCTION "schedule_runs_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    broken text;
BEGIN
    IF NEW."phase" < OLD."phase" THEN
        broken := 'schedule_runs_phase_moves_forward';
    ELSIF NEW."epoch" < OLD."epoch" THEN
        broken := 'schedule_runs_epoch_grows';
    ELSIF OLD."finished_at" IS NOT NULL AND (NEW."status" <> OLD."status"
        OR NEW."finished_at" IS DISTINCT FROM OLD."finished_at" OR NEW."result" IS DISTINCT FROM OLD."result"
        OR NEW."error_code" IS DISTINCT FROM OLD."error_code" OR NEW."error_message" IS DISTINCT FROM OLD."error_message") THEN
        broken := 'schedule_runs_terminal_is_final';
    ELSIF OLD."started_at" IS NOT NULL AND (NEW."started_at" IS DISTINCT FROM OLD."started_at"
        OR NEW."deadline_at" IS DISTINCT FROM OLD."deadline_at") THEN
        broken := 'schedule_runs_deadline_is_fixed';
    ELSIF OLD."teardown_verified_at" IS NOT NULL AND (NEW."teardown_verified_at" IS DISTINCT FROM OLD."teardown_verified_at"
        OR NEW."removed_containers" <> OLD."removed_containers" OR NEW."removed_networks" <> OLD."removed_networks"
        OR NEW."removed_volumes" <> OLD."removed_volumes") THEN
        broken := 'schedule_runs_receipt_is_final';
    ELSIF OLD."teardown_given_up_at" IS NOT NULL AND (NEW."teardown_given_up_at" IS DISTINCT FROM OLD."teardown_given_up_at"
        OR NEW."teardown_given_up_by" IS DISTINCT FROM OLD."teardown_given_up_by") THEN
        broken := 'schedule_runs_given_up_is_final';
    ELSIF NEW."organization_id" <> OLD."organization_id" OR NEW."schedule_id" <> OLD."schedule_id"
        OR NEW."scheduled_for" <> OLD."scheduled_for" OR NEW."trigger" <> OLD."trigger" THEN
        broken := 'schedule_runs_identity_is_fixed';
    ELSE
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'run % breaks %', OLD."id", broken USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'schedule_runs';
END
$$;

-- Hosts that hold runs at this moment count as seen now: their workers have not been asked for signs of life before.
INSERT INTO "hosts" ("id", "runtime", "description")
SELECT DISTINCT ON (d."host") d."host", d."runtime", ''
FROM "schedule_runs" r JOIN "deployments" d ON d."run_id" = r."id"
WHERE r."phase" NOT IN ('queued', 'finished');
