-- Every edit of a schedule, every pause and resume is a revision: who, what, when. The database writes it itself, so that no
-- statement can forget to, those of the version before included (which cannot say who it was).

ALTER TABLE "schedules" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1;
-- The API key of an edit: set by its statement, taken into the revision, and empty again.
ALTER TABLE "schedules" ADD COLUMN "edited_by" UUID;

CREATE TABLE "schedule_revisions" (
    "organization_id" UUID NOT NULL,
    "schedule_id" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "changed" TEXT[] NOT NULL,
    "fields" JSONB NOT NULL,
    "note" TEXT,
    "edited_by" UUID,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT now(),

    CONSTRAINT "schedule_revisions_pkey" PRIMARY KEY ("schedule_id", "revision"),
    CONSTRAINT "schedule_revisions_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "organizations"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
ALTER TABLE "schedule_revisions" ADD CONSTRAINT "schedule_revisions_kind_is_known"
    CHECK ("kind" IN ('found', 'created', 'edited', 'paused', 'resumed'));

-- What a person sets of a schedule, by the names of the API.
CREATE FUNCTION "schedule_fields"("s" "schedules") RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('teamId', s."team_id", 'name', s."name", 'prompt', s."prompt", 'cron', s."cron", 'timezone', s."timezone",
        'enabled', s."enabled", 'timeoutMs', s."timeout_ms", 'overlap', s."overlap", 'catchUp', s."catch_up",
        'catchUpWindowMs', s."catch_up_window_ms")
$$;

CREATE FUNCTION "schedules_note_creation"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "schedule_revisions" ("organization_id", "schedule_id", "revision", "kind", "changed", "fields", "edited_by")
    VALUES (NEW."organization_id", NEW."id", NEW."revision", 'created', '{}', "schedule_fields"(NEW), NEW."edited_by");
    UPDATE "schedules" SET "edited_by" = NULL WHERE "id" = NEW."id" AND "edited_by" IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER "schedules_note_creation" AFTER INSERT ON "schedules" FOR EACH ROW EXECUTE FUNCTION "schedules_note_creation"();

CREATE FUNCTION "schedules_note_revision"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    before CONSTANT jsonb := "schedule_fields"(OLD);
    after CONSTANT jsonb := "schedule_fields"(NEW);
    changed text[];
BEGIN
    SELECT array_agg(f."key" ORDER BY f."key") INTO changed FROM jsonb_each(after) AS f WHERE f."value" IS DISTINCT FROM before -> f."key";
    -- A deletion empties fields, and is the end of all revisions.
    IF changed IS NOT NULL AND NEW."deleted_at" IS NULL THEN
        NEW."revision" := OLD."revision" + 1;
        INSERT INTO "schedule_revisions" ("organization_id", "schedule_id", "revision", "kind", "changed", "fields", "note", "edited_by")
        VALUES (NEW."organization_id", NEW."id", NEW."revision",
            CASE WHEN changed <> '{enabled}' THEN 'edited' WHEN NEW."enabled" THEN 'resumed' ELSE 'paused' END, changed, after,
            CASE WHEN NEW."note_at" IS DISTINCT FROM OLD."note_at" THEN NEW."note" END, NEW."edited_by");
    END IF;
    NEW."edited_by" := NULL;
    RETURN NEW;
END
$$;

-- Firing moves a schedule's instants, and names none of these columns: it costs nothing there.
CREATE TRIGGER "schedules_note_revision"
    BEFORE UPDATE OF "team_id", "name", "prompt", "cron", "timezone", "enabled", "timeout_ms", "overlap", "catch_up", "catch_up_window_ms"
    ON "schedules" FOR EACH ROW EXECUTE FUNCTION "schedules_note_revision"();

-- What came before is not known: the first revision of older schedules is how they stood.
INSERT INTO "schedule_revisions" ("organization_id", "schedule_id", "revision", "kind", "changed", "fields")
SELECT s."organization_id", s."id", 1, 'found', '{}', "schedule_fields"(s) FROM "schedules" s WHERE s."deleted_at" IS NULL;
