-- The functions that delete history set their parameter themselves. As a clause of the function (SET … = 'on') only a superuser
-- may state a parameter that no extension defines, so that a role that merely owns its database could not be migrated.
--
-- What the clause gave is kept: where the function fails, its transaction or savepoint takes the parameter back; where it
-- ends, the wrapper does. The inner functions delete nothing when they are called by themselves.

-- Databases that were made with the clause lose it, where the role may; a clause that stays does no harm.
ALTER FUNCTION "crewtab_delete_history"(text, interval, int, uuid) RESET ALL;
ALTER FUNCTION "crewtab_delete_history"(text, interval, int, uuid) RENAME TO "crewtab_delete_guarded_history";
ALTER FUNCTION "crewtab_delete_run_events"(interval, int, bigint) RESET ALL;
ALTER FUNCTION "crewtab_delete_run_events"(interval, int, bigint) RENAME TO "crewtab_delete_guarded_run_events";

CREATE FUNCTION "crewtab_delete_history"("kind" text, "min_age" interval, "most" int, "after" uuid)
    RETURNS TABLE ("deleted_runs" int, "deleted_messages" int, "reached" uuid)
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM set_config('crewtab.deletes_history', 'on', true);
    RETURN QUERY SELECT * FROM "crewtab_delete_guarded_history"(kind, min_age, most, after);
    PERFORM set_config('crewtab.deletes_history', '', true);
END
$$;

CREATE FUNCTION "crewtab_delete_run_events"("min_age" interval, "most" int, "after" bigint)
    RETURNS TABLE ("deleted_events" int, "reached" bigint)
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM set_config('crewtab.deletes_history', 'on', true);
    RETURN QUERY SELECT * FROM "crewtab_delete_guarded_run_events"(min_age, most, after);
    PERFORM set_config('crewtab.deletes_history', '', true);
END
$$;
