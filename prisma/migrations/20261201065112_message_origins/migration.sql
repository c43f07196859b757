-- Where a message comes from, so that its pieces can be joined when they are read.

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "block" TEXT,
ADD COLUMN     "message_id" TEXT,
ADD COLUMN     "session" TEXT,
ADD COLUMN     "tool_call_id" TEXT,
ADD COLUMN     "turn" TEXT;

-- ---------------------------------------------------------------------------------------------------------------------
-- What Prisma has no words for
-- ---------------------------------------------------------------------------------------------------------------------

-- The pieces of one message, in order, however far from each other they stand.
CREATE INDEX "messages_blocks" ON "messages" ("run_id", "agent", "block", "seq") WHERE "block" IS NOT NULL;
