-- Sessions of browsers: what an API key, or a code for one log-in, was exchanged for. Tokens and codes are nowhere, only their
-- hashes; whose a session is, and what it may do, is read from its key at each request, so that a revoked key ends it.

CREATE TABLE "sessions" (
    "id" UUID NOT NULL DEFAULT crewtab_uuid_v7(),
    "api_key_id" UUID NOT NULL,
    "token_hash" TEXT NOT NULL,
    "client" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "sessions_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_keys"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "sessions_token_hash_key" ON "sessions"("token_hash");
CREATE INDEX "sessions_api_key_id_created_at_idx" ON "sessions"("api_key_id", "created_at");

CREATE TABLE "login_codes" (
    "code_hash" TEXT NOT NULL,
    "api_key_id" UUID NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "login_codes_pkey" PRIMARY KEY ("code_hash"),
    CONSTRAINT "login_codes_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_keys"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
