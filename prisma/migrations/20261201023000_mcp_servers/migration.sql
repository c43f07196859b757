-- The user's own MCP servers of an agent, sealed as a whole, as its environment is.
ALTER TABLE "agents" ADD COLUMN "sealed_mcp_servers" TEXT;
