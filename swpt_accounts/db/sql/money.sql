-- Amounts are integers and exact decimals. A principal is int64, everything that is summed
-- before it is contained is numeric.

CREATE OR REPLACE FUNCTION contain_principal(p_amount numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(greatest(p_amount, -9223372036854775807), 9223372036854775807)::bigint
$$;

-- By how much an amount grows at a yearly rate (percent): exp(k(rate) * seconds), where
-- k(rate) = ln(1 + rate/100) / (365.25 * 86400). The rate is taken as its shortest decimal
-- form; 40 decimals keep a 64-bit principal exact to far below one unit.
CREATE OR REPLACE FUNCTION growth(p_rate double precision, p_seconds numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_rate = 0 OR p_seconds <= 0 THEN 1::numeric
        ELSE exp(round(
            ln((1 + p_rate::text::numeric / 100)::numeric(60, 40)) * p_seconds / 31557600, 40
        ))
    END
$$;

CREATE OR REPLACE FUNCTION seconds_between(p_from timestamptz, p_to timestamptz)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(extract(epoch FROM p_to - p_from), 0)
$$;

-- The balance of an account: a non-positive one does not grow. It is rounded to 20 decimals
-- before anybody takes its floor: 1000 at 100 % are 2000 after a year, not 1999.99….
CREATE OR REPLACE FUNCTION balance_at(
    p_now timestamptz, p_principal bigint, p_interest numeric,
    p_interest_rate double precision, p_last_change_ts timestamptz
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_interest_rate = 0 OR p_principal + p_interest <= 0 THEN p_principal + p_interest
        ELSE round(
            (p_principal + p_interest)
            * growth(p_interest_rate, seconds_between(p_last_change_ts, p_now)),
            20
        )
    END
$$;

-- The interest part of a balance, as it is stored: 20 decimals.
CREATE OR REPLACE FUNCTION interest_part(p_balance numeric, p_principal bigint)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(least(greatest(p_balance - p_principal, -1e36), 1e36), 20)
$$;

-- The interest that `p_amount` would have earned on an account since it was committed: at
-- the previous rate before the account's last rate change, at the current rate after it.
CREATE OR REPLACE FUNCTION missed_interest(
    p_now timestamptz, p_amount bigint, p_committed_at timestamptz,
    p_previous_interest_rate double precision, p_interest_rate double precision,
    p_last_interest_rate_change_ts timestamptz
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_previous_interest_rate = 0 AND p_interest_rate = 0 OR p_committed_at >= p_now
        THEN 0
        ELSE p_amount * (
            growth(
                p_previous_interest_rate,
                seconds_between(p_committed_at, least(p_last_interest_rate_change_ts, p_now))
            ) * growth(
                p_interest_rate,
                seconds_between(greatest(p_committed_at, p_last_interest_rate_change_ts), p_now)
            ) - 1
        )
    END
$$;

-- What may be spent: floor(balance) - locked - minimal balance, contained in int64.
CREATE OR REPLACE FUNCTION expendable_amount(
    p_balance numeric, p_total_locked_amount bigint, p_minimal_balance bigint
) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT contain_principal(floor(p_balance) - p_total_locked_amount - p_minimal_balance)
$$;

-- Compares an integer amount with a float exactly: no digit of either is rounded away.
CREATE OR REPLACE FUNCTION is_at_most(p_amount bigint, p_float double precision)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_float >= 9223372036854775808 THEN true
        WHEN p_float < -9223372036854775808 THEN false
        ELSE p_amount <= floor(p_float)::bigint
    END
$$;
