-- One moment for the whole transaction. Tests set it with
--     SET swpt_accounts.now = '2030-01-01T00:00:00Z'
CREATE OR REPLACE FUNCTION current_ts() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        nullif(current_setting('swpt_accounts.now', true), '')::timestamptz,
        transaction_timestamp()
    )
$$;

-- "Never", as the protocol writes it.
CREATE OR REPLACE FUNCTION t0() RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00'
$$;
