-- Lists of runs by team, and by the code that they ended with: ranges that are sorted as the pages are, like those of
-- 20261130201000_run_lists. Few runs have a code.
--
-- Building them takes a lock that lets others read the table but not write to it, for the time of this migration.

-- CreateIndex
CREATE INDEX "schedule_runs_listed_by_team" ON "schedule_runs"("team_id", "status", "trigger", "scheduled_for" DESC, "id" DESC);

CREATE INDEX "schedule_runs_listed_by_code" ON "schedule_runs" ("organization_id", "error_code", "status", "scheduled_for" DESC, "id" DESC)
  WHERE "error_code" IS NOT NULL;
