-- An event has the codes of the warnings that came with it. It had those of all, so that the metric counted what stood before collecting twice.
CREATE OR REPLACE FUNCTION "schedule_runs_note_change"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    types text[] := '{}';
    notes jsonb[] := '{}';
BEGIN
    IF NEW."cancel_requested_at" IS DISTINCT FROM OLD."cancel_requested_at" THEN
        types := types || 'run.cancel_requested'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'code', NEW."cancel_code");
    END IF;
    IF NEW."epoch" <> OLD."epoch" AND OLD."started_at" IS NOT NULL AND NEW."owner" IS NOT NULL THEN
        types := types || 'run.adopted'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'fromOwner', OLD."owner", 'toOwner', NEW."owner");
    END IF;
    IF NEW."teardown_failed_attempts" <> OLD."teardown_failed_attempts" THEN
        types := types || 'teardown.failed'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'attempts', NEW."teardown_failed_attempts",
            'error', jsonb_build_object('code', NEW."teardown_error_code", 'message', NEW."teardown_error_message"));
    END IF;
    IF NEW."teardown_given_up_at" IS DISTINCT FROM OLD."teardown_given_up_at" THEN
        types := types || 'teardown.given_up'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch", 'by', NEW."teardown_given_up_by");
    END IF;
    IF NEW."teardown_verified_at" IS DISTINCT FROM OLD."teardown_verified_at" THEN
        types := types || 'teardown.verified'::text;
        notes := notes || jsonb_build_object('epoch', NEW."epoch",
            'teardownMs', "run_event_ms"(NEW."teardown_begun_at", NEW."teardown_verified_at"));
    END IF;
    IF NEW."status" <> OLD."status" OR NEW."phase" <> OLD."phase" THEN
        types := types || CASE WHEN NEW."status" <> OLD."status" THEN 'run.status' ELSE 'run.phase' END;
        notes := notes || jsonb_strip_nulls(jsonb_build_object(
            'from', jsonb_build_object('status', OLD."status", 'phase', OLD."phase"),
            'to', jsonb_build_object('status', NEW."status", 'phase', NEW."phase"), 'epoch', NEW."epoch",
            'error', CASE WHEN NEW."status" <> OLD."status" AND NEW."error_code" IS NOT NULL
                THEN jsonb_build_object('code', NEW."error_code", 'message', NEW."error_message") END,
            'warnings', CASE WHEN jsonb_array_length(NEW."warnings") > jsonb_array_length(OLD."warnings")
                THEN jsonb_path_query_array(NEW."warnings", '$[$known to last]."code"',
                    jsonb_build_object('known', jsonb_array_length(OLD."warnings"))) END,
            'host', CASE WHEN OLD."started_at" IS NULL THEN NEW."host" END,
            'queuedMs', CASE WHEN OLD."started_at" IS NULL THEN "run_event_ms"(NEW."queued_at", NEW."started_at") END,
            'deployMs', CASE WHEN OLD."phase" = 'deploying' AND NEW."phase" = 'prompting'
                THEN "run_event_ms"(NEW."started_at", now()) END,
            'runMs', CASE WHEN OLD."finished_at" IS NULL THEN "run_event_ms"(NEW."started_at", NEW."finished_at") END));
    END IF;
    INSERT INTO "run_events" ("organization_id", "schedule_id", "run_id", "type", "at", "data")
    SELECT NEW."organization_id", NEW."schedule_id", NEW."id", e."type", now(), e."note"
    FROM unnest(types, notes) WITH ORDINALITY AS e("type", "note", "n") ORDER BY e."n";
    RETURN NULL;
END
$$;
