-- The secret by which a team's repository is fetched: a secret that a workspace names is not deleted.

-- AlterTable
ALTER TABLE "teams" ADD COLUMN     "workspace_secret" TEXT;

-- CreateIndex
CREATE INDEX "teams_organization_id_workspace_secret_idx" ON "teams"("organization_id", "workspace_secret");

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_workspace_secret_fkey" FOREIGN KEY ("organization_id", "workspace_secret") REFERENCES "secrets"("organization_id", "name") ON DELETE RESTRICT ON UPDATE CASCADE;
