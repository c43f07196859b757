-- Two phases between monitoring and tearing_down, and what is said in them. A new value of an enum can only be used once the
-- transaction that adds it is committed, so what uses them is a migration of its own.

-- AlterEnum
ALTER TYPE "run_phase" ADD VALUE 'verifying' BEFORE 'tearing_down';
ALTER TYPE "run_phase" ADD VALUE 'collecting' BEFORE 'tearing_down';

-- AlterEnum
ALTER TYPE "message_kind" ADD VALUE 'verification';
ALTER TYPE "message_kind" ADD VALUE 'artifact';
