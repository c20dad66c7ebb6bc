-- Moving in from the reference, and out again: what its columns hold, in terms of ours. No function
-- depends on a table: they are also defined where ours are not there yet.

-- The number that the protocol told where a `real` is stored: the shortest one that reads as it.
CREATE OR REPLACE FUNCTION told_number(p_number real) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_number::text::double precision
$$;

-- A moment that a message can carry: years 1 to 9999. NULL stays NULL.
CREATE OR REPLACE FUNCTION contain_moment(p_ts timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_ts < timestamptz '0001-01-01 00:00:00+00' THEN timestamptz '0001-01-01 00:00:00+00'
        WHEN p_ts > timestamptz '9999-12-31 23:59:59.999999+00'
            THEN timestamptz '9999-12-31 23:59:59.999999+00'
        ELSE p_ts
    END
$$;

-- The `real` that is told as this number; the nearest one where there is none. Beyond what a `real` can
-- hold, it is the largest one, or 0. (By its text, for that is how the reference tells it.)
CREATE OR REPLACE FUNCTION contain_real(p_number double precision) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN abs(p_number) < 7.1e-46 THEN (p_number * 0)::real
        WHEN abs(p_number) > 3.4028234e38 THEN (sign(p_number) * 3.4028234663852886e38)::real
        ELSE p_number::text::real
    END
$$;

-- Interest as the reference holds it.
CREATE OR REPLACE FUNCTION contain_interest(p_interest numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(least(p_interest, 5e23), -5e23)::double precision
$$;

-- The creditor id of an account id: `account_id`, the other way round.
CREATE OR REPLACE FUNCTION creditor_of(p_account_id text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_account_id::numeric > 9223372036854775807
            THEN p_account_id::numeric - 18446744073709551616
        ELSE p_account_id::numeric
    END::bigint
$$;
