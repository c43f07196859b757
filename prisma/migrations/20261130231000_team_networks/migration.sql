-- What a team's agents reach: nothing (`none`), listed hosts through the egress proxy (`allowlist`), or anything (`open`).
-- `egress` and `team` stay with the teams and runs that have them, and mean `open`.
ALTER TYPE "team_network" ADD VALUE 'allowlist';
ALTER TYPE "team_network" ADD VALUE 'open';

-- What Crewtab says of the hosts that a run's agents used or were refused.
ALTER TYPE "message_kind" ADD VALUE 'network' BEFORE 'system';

ALTER TABLE "teams" ADD COLUMN "network_hosts" TEXT[] NOT NULL DEFAULT '{}';
ALTER TABLE "schedule_runs" ADD COLUMN "network_hosts" TEXT[] NOT NULL DEFAULT '{}';
