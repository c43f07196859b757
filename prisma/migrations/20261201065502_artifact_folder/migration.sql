-- The file by which processes know that they see the same folder of artifacts.

-- AlterTable
ALTER TABLE "installation" ADD COLUMN     "artifact_folder" TEXT;

-- CreateIndex
CREATE INDEX "artifacts_kept_at_idx" ON "artifacts"("kept_at");
