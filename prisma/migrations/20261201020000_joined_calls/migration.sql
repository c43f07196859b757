-- Ids of later calls that asked for the same task while it was under way. Workers of earlier versions neither read nor write it.
ALTER TABLE "delegations" ADD COLUMN "joined_calls" TEXT[] NOT NULL DEFAULT '{}';
