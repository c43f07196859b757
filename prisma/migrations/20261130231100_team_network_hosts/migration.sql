-- By itself, since a value of an enum cannot be used in the transaction that adds it.
ALTER TABLE "teams" ADD CONSTRAINT "teams_hosts_belong_to_allowlist"
    CHECK ("network" = 'allowlist' OR "network_hosts" = '{}');
