-- Everything that Crewtab stores. The first part is what `prisma migrate diff` makes of schema.prisma; the second part
-- holds what Prisma has no words for: ids, checks, partial indexes and the triggers that refuse what must never be.

-- UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then, by method 3 of section 6.2, the 12 bits of
-- rand_a hold the fraction of the millisecond, so that ids made by one session sort in the order they were made. The
-- version (7) and variant (10) bits come from overlaying a version 4 UUID. Postgres 18 has uuidv7(); 15 to 17 do not.
CREATE FUNCTION "crewtab_uuid_v7"() RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    AS $$
DECLARE
    micros bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    bytes bytea := uuid_send(gen_random_uuid());
    fraction int := ((micros % 1000) * 4096 / 1000)::int;
BEGIN
    bytes := overlay(bytes PLACING substring(int8send(micros / 1000) FROM 3) FROM 1 FOR 6);
    bytes := set_byte(bytes, 6, 112 + (fraction >> 8));
    bytes := set_byte(bytes, 7, fraction & 255);
    RETURN encode(bytes, 'hex')::uuid;
END
$$;

-- CreateEnum
CREATE TYPE "api_role" AS ENUM ('admin', 'member');

-- CreateEnum
CREATE TYPE "agent_role" AS ENUM ('leader', 'worker');

-- CreateEnum
CREATE TYPE "agent_protocol" AS ENUM ('acp', 'command');

-- CreateEnum
CREATE TYPE "permission_answer" AS ENUM ('allow', 'deny');

-- CreateEnum
CREATE TYPE "team_network" AS ENUM ('egress', 'team', 'none');

-- CreateEnum
CREATE TYPE "overlap_policy" AS ENUM ('allow', 'skip', 'queue', 'replace');

-- CreateEnum
CREATE TYPE "catch_up_policy" AS ENUM ('none', 'latest', 'all');

-- CreateEnum
CREATE TYPE "run_trigger" AS ENUM ('schedule', 'manual', 'catchup', 'rerun');

-- CreateEnum
CREATE TYPE "run_status" AS ENUM ('queued', 'running', 'success', 'failed', 'timeout', 'cancelled', 'skipped', 'missed');

-- CreateEnum
CREATE TYPE "run_phase" AS ENUM ('queued', 'deploying', 'prompting', 'monitoring', 'tearing_down', 'finished');

-- CreateEnum
CREATE TYPE "cancel_code" AS ENUM ('cancelled', 'replaced');

-- CreateEnum
CREATE TYPE "message_kind" AS ENUM ('prompt', 'agent_message', 'agent_thought', 'tool_call', 'tool_result', 'plan', 'permission', 'delegation', 'stderr', 'system', 'other');

-- CreateTable
CREATE TABLE "organizations" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "api_role" NOT NULL,
    "key_hash" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "teams" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "network" "team_network" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "teams_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agents" (
    "organization_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "position" SMALLINT NOT NULL,
    "name" TEXT NOT NULL,
    "role" "agent_role" NOT NULL,
    "protocol" "agent_protocol" NOT NULL,
    "image" TEXT,
    "command" JSONB,
    "sealed_env" TEXT,
    "instructions" TEXT,
    "mode" TEXT,
    "permissions" "permission_answer",
    "resources" JSONB,

    CONSTRAINT "agents_pkey" PRIMARY KEY ("team_id","position")
);

-- CreateTable
CREATE TABLE "schedules" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "organization_id" UUID NOT NULL,
    "team_id" UUID,
    "name" TEXT NOT NULL,
    "prompt" TEXT NOT NULL,
    "cron" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL,
    "timeout_ms" BIGINT NOT NULL,
    "overlap" "overlap_policy" NOT NULL,
    "catch_up" "catch_up_policy" NOT NULL,
    "catch_up_window_ms" BIGINT NOT NULL,
    "next_fire_at" TIMESTAMPTZ(3),
    "following_fire_at" TIMESTAMPTZ(3),
    "spec_version" INTEGER NOT NULL DEFAULT 1,
    "clock_version" INTEGER NOT NULL DEFAULT 0,
    "note" TEXT,
    "note_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "schedules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "schedule_runs" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "organization_id" UUID NOT NULL,
    "schedule_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "trigger" "run_trigger" NOT NULL,
    "scheduled_for" TIMESTAMPTZ(3) NOT NULL,
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "request_key" TEXT,
    "status" "run_status" NOT NULL DEFAULT 'queued',
    "phase" "run_phase" NOT NULL DEFAULT 'queued',
    "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "team_name" TEXT NOT NULL,
    "network" "team_network" NOT NULL,
    "prompt" TEXT NOT NULL,
    "timeout_ms" BIGINT NOT NULL,
    "agents" JSONB NOT NULL,
    "exclusive" BOOLEAN NOT NULL,
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "owner" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "host" TEXT,
    "started_at" TIMESTAMPTZ(3),
    "deadline_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "cancel_requested_at" TIMESTAMPTZ(3),
    "cancel_code" "cancel_code",
    "result" TEXT,
    "error_code" TEXT,
    "error_message" TEXT,
    "last_seq" INTEGER NOT NULL DEFAULT 0,
    "teardown_begun_at" TIMESTAMPTZ(3),
    "teardown_failed_attempts" INTEGER NOT NULL DEFAULT 0,
    "teardown_error_code" TEXT,
    "teardown_error_message" TEXT,
    "removed_containers" INTEGER NOT NULL DEFAULT 0,
    "removed_networks" INTEGER NOT NULL DEFAULT 0,
    "removed_volumes" INTEGER NOT NULL DEFAULT 0,
    "teardown_verified_at" TIMESTAMPTZ(3),

    CONSTRAINT "schedule_runs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deployments" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "runtime" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deployments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deployment_agents" (
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "position" SMALLINT NOT NULL,
    "handle" TEXT,
    "started_at" TIMESTAMPTZ(3),
    "ready_at" TIMESTAMPTZ(3),
    "stdout_lines" INTEGER NOT NULL DEFAULT 0,
    "stderr_lines" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "deployment_agents_pkey" PRIMARY KEY ("run_id","name")
);

-- CreateTable
CREATE TABLE "messages" (
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "agent" TEXT,
    "kind" "message_kind" NOT NULL,
    "content" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "messages_pkey" PRIMARY KEY ("run_id","seq")
);

-- CreateTable
CREATE TABLE "prompt_permits" (
    "run_id" UUID NOT NULL,
    "organization_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "permitted_at" TIMESTAMPTZ(3) NOT NULL,
    "sent_at" TIMESTAMPTZ(3),

    CONSTRAINT "prompt_permits_pkey" PRIMARY KEY ("run_id")
);

-- CreateTable
CREATE TABLE "delegations" (
    "organization_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "id" TEXT NOT NULL,
    "from_agent" TEXT NOT NULL,
    "to_agent" TEXT NOT NULL,
    "task" TEXT NOT NULL,
    "opened_at" TIMESTAMPTZ(6) NOT NULL,
    "permit_epoch" INTEGER,
    "answer" JSONB,
    "answered_at" TIMESTAMPTZ(3),

    CONSTRAINT "delegations_pkey" PRIMARY KEY ("run_id","id")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "organization_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "status_code" INTEGER,
    "sealed_body" TEXT,
    "reserved_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("organization_id","key")
);

-- CreateTable
CREATE TABLE "installation" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "seal_check" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("singleton")
);

-- CreateIndex
CREATE UNIQUE INDEX "organizations_name_key" ON "organizations"("name");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_key_hash_key" ON "api_keys"("key_hash");

-- CreateIndex
CREATE UNIQUE INDEX "teams_organization_id_id_key" ON "teams"("organization_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "agents_team_id_name_key" ON "agents"("team_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "schedules_organization_id_id_key" ON "schedules"("organization_id", "id");

-- CreateIndex
CREATE INDEX "schedule_runs_organization_id_scheduled_for_id_idx" ON "schedule_runs"("organization_id", "scheduled_for" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "schedule_runs_schedule_id_scheduled_for_id_idx" ON "schedule_runs"("schedule_id", "scheduled_for" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "schedule_runs_organization_id_id_key" ON "schedule_runs"("organization_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "schedule_runs_organization_id_request_key_key" ON "schedule_runs"("organization_id", "request_key");

-- CreateIndex
CREATE UNIQUE INDEX "deployments_run_id_key" ON "deployments"("run_id");

-- CreateIndex
CREATE UNIQUE INDEX "deployments_name_key" ON "deployments"("name");

-- CreateIndex
CREATE UNIQUE INDEX "deployments_organization_id_run_id_key" ON "deployments"("organization_id", "run_id");

-- CreateIndex
CREATE UNIQUE INDEX "prompt_permits_organization_id_run_id_key" ON "prompt_permits"("organization_id", "run_id");

-- CreateIndex
CREATE INDEX "idempotency_keys_reserved_at_idx" ON "idempotency_keys"("reserved_at");

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agents" ADD CONSTRAINT "agents_organization_id_team_id_fkey" FOREIGN KEY ("organization_id", "team_id") REFERENCES "teams"("organization_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_organization_id_team_id_fkey" FOREIGN KEY ("organization_id", "team_id") REFERENCES "teams"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_organization_id_schedule_id_fkey" FOREIGN KEY ("organization_id", "schedule_id") REFERENCES "schedules"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deployment_agents" ADD CONSTRAINT "deployment_agents_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "deployments"("organization_id", "run_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "messages" ADD CONSTRAINT "messages_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "prompt_permits" ADD CONSTRAINT "prompt_permits_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "delegations" ADD CONSTRAINT "delegations_organization_id_run_id_fkey" FOREIGN KEY ("organization_id", "run_id") REFERENCES "schedule_runs"("organization_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;



-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

-- Access

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_hash_is_sha256" CHECK ("key_hash" ~ '^[0-9a-f]{64}$');
ALTER TABLE "installation" ADD CONSTRAINT "installation_is_one_row" CHECK ("singleton");
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_answer_is_whole"
    CHECK (("completed_at" IS NULL) = ("status_code" IS NULL) AND ("completed_at" IS NULL) = ("sealed_body" IS NULL));

-- Teams: one leader at most (that there is one is the request schema's business).

CREATE UNIQUE INDEX "agents_one_leader" ON "agents" ("team_id") WHERE "role" = 'leader';

-- Schedules

ALTER TABLE "schedules" ADD CONSTRAINT "schedules_live_have_a_team" CHECK ("team_id" IS NOT NULL OR "deleted_at" IS NOT NULL);
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_deleted_are_disabled" CHECK ("deleted_at" IS NULL OR NOT "enabled");
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_disabled_never_fire"
    CHECK ("enabled" OR ("next_fire_at" IS NULL AND "following_fire_at" IS NULL));
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_following_is_later"
    CHECK ("following_fire_at" IS NULL OR "following_fire_at" > "next_fire_at");
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_durations_are_positive" CHECK ("timeout_ms" > 0 AND "catch_up_window_ms" >= 0);

-- Claiming what is due, and how long to sleep.
CREATE INDEX "schedules_due" ON "schedules" ("next_fire_at") WHERE "enabled";
-- Instants to compute ahead; empty nearly always.
CREATE INDEX "schedules_unplanned" ON "schedules" ("id") WHERE "enabled" AND "following_fire_at" IS NULL;
-- Job Schedulers out of step with their spec; empty nearly always.
CREATE INDEX "schedules_clock_unsynced" ON "schedules" ("id") WHERE "clock_version" <> "spec_version";

-- Runs

ALTER TABLE "schedule_runs" SET (fillfactor = 80);

-- Two runs for one due instant. Manual runs and reruns are not instants of the schedule.
CREATE UNIQUE INDEX "schedule_runs_one_per_instant" ON "schedule_runs" ("schedule_id", "scheduled_for")
    WHERE "trigger" IN ('schedule', 'catchup');
-- Two running runs of a schedule that allows one.
CREATE UNIQUE INDEX "schedule_runs_one_exclusive_running" ON "schedule_runs" ("schedule_id")
    WHERE "status" = 'running' AND "exclusive";

ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_finished_at_is_terminal"
    CHECK (("finished_at" IS NOT NULL) = ("status" NOT IN ('queued', 'running')));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_finished_phase_is_terminal"
    CHECK ("phase" <> 'finished' OR "status" NOT IN ('queued', 'running'));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_terminal_phase_is_late"
    CHECK ("status" IN ('queued', 'running') OR "phase" IN ('tearing_down', 'finished'));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_queued_is_one_thing"
    CHECK (("status" = 'queued') = ("phase" = 'queued'));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_not_run_never_began"
    CHECK ("status" NOT IN ('skipped', 'missed') OR ("phase" = 'finished' AND "started_at" IS NULL));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_error_tells_why"
    CHECK (("error_code" IS NOT NULL) = ("status" IN ('failed', 'timeout', 'cancelled', 'skipped', 'missed'))
        AND ("error_code" IS NULL) = ("error_message" IS NULL));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_begun_has_a_deadline"
    CHECK (("started_at" IS NULL) = ("deadline_at" IS NULL) AND ("started_at" IS NULL) = ("host" IS NULL)
        AND ("phase" IN ('queued', 'finished') OR "started_at" IS NOT NULL));
-- Whatever began is finished only with proof that nothing is left.
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_finished_is_verified"
    CHECK ("phase" <> 'finished' OR "started_at" IS NULL OR "teardown_verified_at" IS NOT NULL);
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_claim_is_whole"
    CHECK (("owner" IS NULL) = ("lease_until" IS NULL));
ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_cancel_has_a_code"
    CHECK (("cancel_requested_at" IS NULL) = ("cancel_code" IS NULL));

-- Queued runs, oldest first.
CREATE INDEX "schedule_runs_queued" ON "schedule_runs" ("scheduled_for", "id") WHERE "status" = 'queued';
-- A host's runs that are begun and not finished, oldest deadline first.
CREATE INDEX "schedule_runs_begun" ON "schedule_runs" ("host", "deadline_at") WHERE "phase" NOT IN ('queued', 'finished');
-- A schedule's status and last run.
CREATE INDEX "schedule_runs_active" ON "schedule_runs" ("schedule_id") WHERE "status" IN ('queued', 'running');
CREATE INDEX "schedule_runs_latest_finished" ON "schedule_runs" ("schedule_id", "finished_at" DESC)
    WHERE "status" IN ('success', 'failed', 'timeout', 'cancelled');
CREATE INDEX "schedule_runs_latest_started" ON "schedule_runs" ("schedule_id", "started_at" DESC) WHERE "started_at" IS NOT NULL;

-- What was once true of a run stays true.
CREATE FUNCTION "schedule_runs_guard"() RETURNS trigger
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
    ELSIF NEW."organization_id" <> OLD."organization_id" OR NEW."schedule_id" <> OLD."schedule_id"
        OR NEW."scheduled_for" <> OLD."scheduled_for" OR NEW."trigger" <> OLD."trigger" THEN
        broken := 'schedule_runs_identity_is_fixed';
    ELSE
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'run % breaks %', OLD."id", broken USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'schedule_runs';
END
$$;

CREATE TRIGGER "schedule_runs_guard" BEFORE UPDATE ON "schedule_runs"
    FOR EACH ROW EXECUTE FUNCTION "schedule_runs_guard"();

-- Messages and permits

ALTER TABLE "messages" ADD CONSTRAINT "messages_seq_counts_from_one" CHECK ("seq" >= 1);

CREATE FUNCTION "messages_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'message % of run % is stored and stays as it is', OLD."seq", OLD."run_id"
        USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_are_immutable', TABLE = 'messages';
END
$$;

CREATE TRIGGER "messages_guard" BEFORE UPDATE OR DELETE ON "messages"
    FOR EACH ROW EXECUTE FUNCTION "messages_guard"();

-- A permit is given once: it may only learn when the prompt was sent.
CREATE FUNCTION "prompt_permits_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD."sent_at" IS NULL AND NEW."run_id" = OLD."run_id" AND NEW."organization_id" = OLD."organization_id"
        AND NEW."epoch" = OLD."epoch" AND NEW."permitted_at" = OLD."permitted_at" THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the permit of run % was given and stays as it is', OLD."run_id"
        USING ERRCODE = 'check_violation', CONSTRAINT = 'prompt_permits_are_final', TABLE = 'prompt_permits';
END
$$;

CREATE TRIGGER "prompt_permits_guard" BEFORE UPDATE OR DELETE ON "prompt_permits"
    FOR EACH ROW EXECUTE FUNCTION "prompt_permits_guard"();

-- Delegations: like the prompt, a task is permitted once and answered once.

ALTER TABLE "delegations" ADD CONSTRAINT "delegations_answer_is_whole" CHECK (("answer" IS NULL) = ("answered_at" IS NULL));

CREATE FUNCTION "delegations_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW."run_id" = OLD."run_id" AND NEW."id" = OLD."id" AND NEW."from_agent" = OLD."from_agent" AND NEW."to_agent" = OLD."to_agent"
        AND NEW."task" = OLD."task" AND (OLD."permit_epoch" IS NULL OR NEW."permit_epoch" IS NOT DISTINCT FROM OLD."permit_epoch")
        AND (OLD."answer" IS NULL OR NEW."answer" IS NOT DISTINCT FROM OLD."answer") THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'delegation % of run % is permitted and answered once', OLD."id", OLD."run_id"
        USING ERRCODE = 'check_violation', CONSTRAINT = 'delegations_are_final', TABLE = 'delegations';
END
$$;

CREATE TRIGGER "delegations_guard" BEFORE UPDATE ON "delegations"
    FOR EACH ROW EXECUTE FUNCTION "delegations_guard"();
