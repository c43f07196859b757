-- What an agent's container is called, as its runtime says. Rows of workers of the version before have none.
ALTER TABLE "deployment_agents" ADD COLUMN "container" TEXT;
