-- Deleting old run events, by one function as other history. A reader whose event is gone is told so, and reads the present
-- state anew: see docs/adr/0015-run-events.md.

CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "run_events" FOR EACH ROW EXECUTE FUNCTION "history_guard"();

-- Deletes up to `most` events older than `min_age` in the order of their positions. An event without a position stays, since
-- no reader has met it; so does the newest event, which tells where the log ends, and an event of a run that is not over. Events
-- lie in their order but for seconds, so the first young one is the end. `reached` is where to go on; null: the end.
CREATE FUNCTION "crewtab_delete_run_events"("min_age" interval, "most" int, "after" bigint)
    RETURNS TABLE ("deleted_events" int, "reached" bigint)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    cutoff CONSTANT timestamptz := now() - min_age;
    newest CONSTANT bigint := (SELECT l."last_position" FROM "run_event_log" l);
BEGIN
    IF min_age < interval '1 hour' OR most < 1 THEN
        RAISE EXCEPTION 'crewtab_delete_run_events: of an age of %, % rows', min_age, most USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WITH looked AS MATERIALIZED (
        SELECT e."id", e."run_id", e."position", e."at" FROM "run_events" e
        WHERE e."position" > "after" AND e."position" < newest ORDER BY e."position" LIMIT most),
    gone AS (
        DELETE FROM "run_events" e USING looked WHERE e."id" = looked."id" AND looked."at" < cutoff AND NOT EXISTS (
            SELECT 1 FROM "schedule_runs" r WHERE r."id" = looked."run_id" AND r."phase" <> 'finished')
        RETURNING 1)
    SELECT (SELECT count(*)::int FROM gone), CASE WHEN count(*) = most AND bool_and(looked."at" < cutoff) THEN max(looked."position") END
    INTO deleted_events, reached FROM looked;
    RETURN NEXT;
END
$$;
