-- A request with an Idempotency-Key knows the id of what it makes before it makes it, and so does its repetition: however
-- often it is asked after a crash, one thing is made.
ALTER TABLE "idempotency_keys" ADD COLUMN "resource_id" UUID NOT NULL DEFAULT crewtab_uuid_v7();
CREATE UNIQUE INDEX "idempotency_keys_resource_id_key" ON "idempotency_keys"("resource_id");
