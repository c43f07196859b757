-- Secrets: named values of an organization, and which agents name them.

-- AlterTable
ALTER TABLE "schedule_runs" ADD COLUMN     "secrets" JSONB;

-- CreateTable
CREATE TABLE "secrets" (
    "organization_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "sealed_value" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "secrets_pkey" PRIMARY KEY ("organization_id","name")
);

-- CreateTable
CREATE TABLE "secret_uses" (
    "organization_id" UUID NOT NULL,
    "secret" TEXT NOT NULL,
    "team_id" UUID NOT NULL,
    "agent" TEXT NOT NULL,
    "mcp_server" TEXT NOT NULL,
    "variable" TEXT NOT NULL,

    CONSTRAINT "secret_uses_pkey" PRIMARY KEY ("team_id","agent","mcp_server","variable")
);

-- CreateIndex
CREATE INDEX "secret_uses_organization_id_secret_idx" ON "secret_uses"("organization_id", "secret");

-- AddForeignKey
ALTER TABLE "secrets" ADD CONSTRAINT "secrets_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "secret_uses" ADD CONSTRAINT "secret_uses_secret_fkey" FOREIGN KEY ("organization_id", "secret") REFERENCES "secrets"("organization_id", "name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "secret_uses" ADD CONSTRAINT "secret_uses_agent_fkey" FOREIGN KEY ("team_id", "agent") REFERENCES "agents"("team_id", "name") ON DELETE CASCADE ON UPDATE CASCADE;

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

-- History holds no credentials, whichever way a run comes to its end, and whichever version brings it there.
CREATE FUNCTION "forget_secrets_of_run"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW."secrets" := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER "schedule_runs_forget_secrets" BEFORE UPDATE ON "schedule_runs" FOR EACH ROW
    WHEN (NEW."phase" = 'finished' AND NEW."secrets" IS NOT NULL)
    EXECUTE FUNCTION "forget_secrets_of_run"();
