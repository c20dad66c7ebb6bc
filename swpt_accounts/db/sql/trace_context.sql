-- The trace context of a message goes with it through the tables: a W3C `traceparent`, and behind it
-- each step that was done, as a letter and the moment in microseconds since 1970. It is NULL where
-- nothing is traced. The letters are explained in swpt_accounts/observability/tracing/context.py.
CREATE OR REPLACE FUNCTION note_step(p_context text, p_step text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_context IS NOT NULL THEN
        p_context || ' ' || p_step || (extract(epoch FROM current_ts()) * 1000000)::bigint
    END
$$;
