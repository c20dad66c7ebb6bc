-- The account id of a creditor: its id as an unsigned decimal (protocol.rst, "Ids").
CREATE OR REPLACE FUNCTION account_id(p_creditor_id bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_creditor_id >= 0 THEN p_creditor_id::text
        ELSE (p_creditor_id + 18446744073709551616)::text
    END
$$;

-- Whether two creditors belong to one agent: equal highest 24 bits, not all of them zero.
CREATE OR REPLACE FUNCTION same_agent(p_creditor_id_1 bigint, p_creditor_id_2 bigint)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_creditor_id_1 >> 40 = p_creditor_id_2 >> 40 AND p_creditor_id_1 >> 40 <> 0
$$;

-- Whether an account belongs to the realm whose prefix is the `p_length` lowest bits of
-- `p_bits`: the prefix is compared with the first bits of MD5(debtor_id, creditor_id).
CREATE OR REPLACE FUNCTION in_realm(
    p_debtor_id bigint, p_creditor_id bigint, p_bits integer, p_length integer
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_length = 0 OR p_bits = (
        ('x' || left(md5(int8send(p_debtor_id) || int8send(p_creditor_id)), 6))::bit(24)::integer
        >> (24 - p_length)
    )
$$;

-- The next seqnum: int32, wraps from 2147483647 to -2147483648.
CREATE OR REPLACE FUNCTION next_seqnum(p_seqnum integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_seqnum = 2147483647 THEN -2147483648 ELSE p_seqnum + 1 END
$$;

-- Whether `p_seqnum` comes after `p_other`, wrapping considered.
CREATE OR REPLACE FUNCTION is_later_seqnum(p_seqnum integer, p_other integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mod(p_seqnum::bigint - p_other + 4294967296, 4294967296) BETWEEN 1 AND 2147483647
$$;

-- A number that identifies a balance change of its sender for ever: seconds since 2020 in the
-- high bits, so that a database restored from a backup does not repeat itself, a sequence in the
-- 32 low bits, so that a clock which steps back does not make it repeat itself.
CREATE OR REPLACE FUNCTION next_change_id() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    SELECT (
        floor(extract(epoch FROM current_ts() - timestamptz '2020-01-01 00:00:00+00'))::bigint
        << 32
    ) | (nextval('change_id_seq') & 4294967295)
$$;
