-- Removes the views and the functions of this schema, except those of extensions.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    DROP VIEW IF EXISTS account_update;
    FOR v_function IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = current_schema()::regnamespace
            AND NOT EXISTS (
                SELECT FROM pg_depend d
                WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            )
    LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', v_function);
    END LOOP;
END
$$
