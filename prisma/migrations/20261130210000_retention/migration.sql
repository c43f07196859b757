-- Deleting history, and nothing else. Runs and what belongs to them are deleted by one function, which checks each run again;
-- every other DELETE on these tables is refused.
--
-- What guards it: the function's own setting, which Postgres takes back when the function ends, however it ends. It is no
-- secret: a role that may write to these tables can set it too, as it could disable the triggers. It is there so that no
-- plain statement, typed or forgotten in code, deletes history; and even with it a run that is not over stays.

CREATE FUNCTION "history_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF current_setting('crewtab.deletes_history', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'history is deleted by crewtab_delete_history() alone'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'history_is_kept', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN OLD;
END
$$;

CREATE FUNCTION "schedule_runs_delete_guard"() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD."phase" <> 'finished' OR (OLD."started_at" IS NOT NULL AND OLD."teardown_verified_at" IS NULL) THEN
        RAISE EXCEPTION 'run % is not over, or its teardown is not verified', OLD."id"
            USING ERRCODE = 'check_violation', CONSTRAINT = 'schedule_runs_deleted_is_torn_down', TABLE = 'schedule_runs';
    END IF;
    RETURN OLD;
END
$$;

-- Triggers run in the order of their names: the setting is asked for first.
CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "schedule_runs" FOR EACH ROW EXECUTE FUNCTION "history_guard"();
CREATE TRIGGER "schedule_runs_delete_guard" BEFORE DELETE ON "schedule_runs"
    FOR EACH ROW EXECUTE FUNCTION "schedule_runs_delete_guard"();
CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "deployments" FOR EACH ROW EXECUTE FUNCTION "history_guard"();
CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "deployment_agents" FOR EACH ROW EXECUTE FUNCTION "history_guard"();
CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "delegations" FOR EACH ROW EXECUTE FUNCTION "history_guard"();
CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "messages" FOR EACH ROW EXECUTE FUNCTION "history_guard"();
CREATE TRIGGER "a_history_guard" BEFORE DELETE ON "prompt_permits" FOR EACH ROW EXECUTE FUNCTION "history_guard"();

-- The guards of messages and permits refused both before; they go on refusing every change.
DROP TRIGGER "messages_guard" ON "messages";
CREATE TRIGGER "messages_guard" BEFORE UPDATE ON "messages" FOR EACH ROW EXECUTE FUNCTION "messages_guard"();
DROP TRIGGER "prompt_permits_guard" ON "prompt_permits";
CREATE TRIGGER "prompt_permits_guard" BEFORE UPDATE ON "prompt_permits" FOR EACH ROW EXECUTE FUNCTION "prompt_permits_guard"();

-- Whether a run may lose its history: it is over, nothing of it is left on its host, and that has been so since `cutoff`.
CREATE FUNCTION "crewtab_is_history"("run" "schedule_runs", "cutoff" timestamptz) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT run."phase" = 'finished' AND run."finished_at" < cutoff
        AND (run."started_at" IS NULL OR COALESCE(run."teardown_verified_at" < cutoff, false))
$$;

-- Whether a schedule can do without the run. Its status, its last run and its last success are read from its runs, so the
-- newest of each stays. An instant can only be fired at or after the schedule's next instant: a row before it is not needed
-- to keep the instant from firing again, and a row at or after it stays. A row with the key of a request stays for the day
-- in which the request may be repeated.
CREATE FUNCTION "crewtab_is_dispensable"("run" "schedule_runs") RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT (run."request_key" IS NULL OR run."queued_at" < now() - interval '1 day')
        AND NOT EXISTS (SELECT 1 FROM "schedules" s WHERE s."id" = run."schedule_id" AND s."next_fire_at" <= run."scheduled_for")
        AND (run."status" IN ('skipped', 'missed') OR EXISTS (SELECT 1 FROM "schedule_runs" n
            WHERE n."schedule_id" = run."schedule_id" AND n."status" IN ('success', 'failed', 'timeout', 'cancelled')
                AND n."finished_at" > run."finished_at"))
        AND (run."status" <> 'success' OR EXISTS (SELECT 1 FROM "schedule_runs" n
            WHERE n."schedule_id" = run."schedule_id" AND n."status" = 'success' AND n."finished_at" > run."finished_at"))
        AND (run."started_at" IS NULL OR EXISTS (SELECT 1 FROM "schedule_runs" n
            WHERE n."schedule_id" = run."schedule_id" AND n."started_at" > run."started_at"))
$$;

-- Deletes the oldest history of one kind, until about `most` rows are gone: 'messages' deletes conversations (messages and
-- delegations) and keeps their runs, 'runs' deletes runs with all that belongs to them. Ids hold the time at which they were
-- made, so runs are visited oldest first along the primary keys. Runs that another transaction holds are left for later.
-- The answer's `reached` is where to go on; null: the end.
CREATE FUNCTION "crewtab_delete_history"("kind" text, "min_age" interval, "most" int, "after" uuid)
    RETURNS TABLE ("deleted_runs" int, "deleted_messages" int, "reached" uuid)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    cutoff CONSTANT timestamptz := now() - min_age;
    -- The lowest id of a run that is made at the cutoff. No older id: nothing to visit.
    boundary CONSTANT uuid := (lpad(to_hex((extract(epoch FROM cutoff) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;
    run "schedule_runs";
    affected int;
BEGIN
    IF kind NOT IN ('messages', 'runs') OR min_age < interval '1 hour' OR most < 1 THEN
        RAISE EXCEPTION 'crewtab_delete_history: % of an age of %, % rows', kind, min_age, most USING ERRCODE = 'invalid_parameter_value';
    END IF;
    deleted_runs := 0;
    deleted_messages := 0;
    reached := after;
    FOR visited IN 1 .. 10 * most LOOP
        IF deleted_runs + deleted_messages >= most THEN
            RETURN NEXT;
            RETURN;
        END IF;
        IF kind = 'messages' THEN
            SELECT m."run_id" INTO reached FROM "messages" m
            WHERE m."run_id" > reached AND m."run_id" < boundary ORDER BY m."run_id" LIMIT 1;
        ELSE
            SELECT r."id" INTO reached FROM "schedule_runs" r
            WHERE r."id" > reached AND r."id" < boundary ORDER BY r."id" LIMIT 1;
        END IF;
        IF reached IS NULL THEN
            RETURN NEXT;
            RETURN;
        END IF;
        SELECT r.* INTO run FROM "schedule_runs" r WHERE r."id" = reached FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND OR NOT "crewtab_is_history"(run, cutoff);
        CONTINUE WHEN kind = 'runs' AND NOT "crewtab_is_dispensable"(run);
        DELETE FROM "messages" m WHERE m."run_id" = run."id";
        GET DIAGNOSTICS affected = ROW_COUNT;
        deleted_messages := deleted_messages + affected;
        DELETE FROM "delegations" d WHERE d."run_id" = run."id";
        CONTINUE WHEN kind = 'messages';
        DELETE FROM "prompt_permits" p WHERE p."run_id" = run."id";
        DELETE FROM "deployment_agents" a WHERE a."run_id" = run."id";
        DELETE FROM "deployments" d WHERE d."run_id" = run."id";
        DELETE FROM "schedule_runs" r WHERE r."id" = run."id";
        deleted_runs := deleted_runs + 1;
    END LOOP;
    RETURN NEXT;
END
$$;
