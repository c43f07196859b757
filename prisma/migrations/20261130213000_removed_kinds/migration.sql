-- What was removed of a run, by kind. Containers, networks and volumes keep their columns, which workers of the version
-- before go on writing; every other kind (a process, a directory, a pod) is counted here.
ALTER TABLE "schedule_runs" ADD COLUMN "removed_other" JSONB NOT NULL DEFAULT '{}';

ALTER TABLE "schedule_runs" ADD CONSTRAINT "schedule_runs_removed_other_is_object"
    CHECK (jsonb_typeof("removed_other") = 'object');

-- Adds up two objects of counts, kind by kind.
CREATE FUNCTION "add_counts"("a" JSONB, "b" JSONB) RETURNS JSONB
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT COALESCE(jsonb_object_agg("kind", "n"), '{}')
    FROM (
        SELECT "key" AS "kind", sum("value"::int) AS "n"
        FROM (SELECT * FROM jsonb_each_text("a") UNION ALL SELECT * FROM jsonb_each_text("b")) AS "counts"
        GROUP BY "key"
    ) AS "summed"
$$;

-- A receipt that is verified is final, in this column as in the others.
CREATE FUNCTION "schedule_runs_removed_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'run % breaks schedule_runs_receipt_is_final', OLD."id"
        USING ERRCODE = 'check_violation', CONSTRAINT = 'schedule_runs_receipt_is_final', TABLE = 'schedule_runs';
END
$$;

CREATE TRIGGER "schedule_runs_removed_guard" BEFORE UPDATE ON "schedule_runs"
    FOR EACH ROW
    WHEN (OLD."teardown_verified_at" IS NOT NULL AND NEW."removed_other" IS DISTINCT FROM OLD."removed_other")
    EXECUTE FUNCTION "schedule_runs_removed_guard"();
