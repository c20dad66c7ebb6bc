-- A shard keeps the accounts of its realm, and the rows that belong to them. When a shard is
-- split, its database is copied: each row is then in both children, and belongs to one.

-- Lets the shard of a realm, like '0.1.#', use the database, and returns NULL; or says why it may
-- not. The database remembers its realm. A realm within the one it remembers is a child's, and
-- becomes its own: with `p_is_heir`, who removes the sibling's rows, at once, otherwise when all
-- accounts belong to it. So does the first realm that comes.
CREATE OR REPLACE FUNCTION claim_realm(
    p_realm text, p_realm_bits integer, p_realm_length integer, p_is_heir boolean
) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_known text;
    v_foreign text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('swpt_accounts realm', 0));
    SELECT realm INTO v_known FROM shard;
    IF v_known = p_realm THEN
        RETURN NULL;
    ELSIF NOT starts_with(p_realm, rtrim(v_known, '#')) THEN
        RETURN 'it is the database of the shard ' || v_known;
    ELSIF v_known IS NULL OR NOT p_is_heir THEN
        v_foreign := foreign_account(p_realm_bits, p_realm_length, p_is_heir);
        IF v_foreign IS NOT NULL THEN
            RETURN concat(
                'it has the account ', v_foreign, ', which belongs to another shard',
                CASE WHEN NOT p_is_heir
                    THEN '; if this one was split by hand, set DELETE_PARENT_SHARD_RECORDS to true'
                END
            );
        END IF;
    END IF;
    DELETE FROM shard;
    INSERT INTO shard (realm, noted_at) VALUES (p_realm, current_ts());
    IF p_is_heir THEN
        -- what the parent has handled is kept for a while, however long it took to copy
        WITH old AS (DELETE FROM handled_batch RETURNING id, digests)
        INSERT INTO handled_batch (handled_at, digests)
        SELECT current_ts(), digests FROM old ORDER BY id;
    END IF;
    RETURN NULL;
END
$$;

-- An account that the database of a shard cannot have; NULL if there is none. That of an heir may
-- have accounts of the parent's realm (one bit shorter), but not only the sibling's.
CREATE OR REPLACE FUNCTION foreign_account(
    p_realm_bits integer, p_realm_length integer, p_is_heir boolean
) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('(%s, %s)', debtor_id, creditor_id)
    FROM account_key
    WHERE p_realm_length > 0
        AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        AND NOT (
            p_is_heir
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, p_realm_length - 1)
            AND EXISTS (
                SELECT FROM account_key
                WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            )
        )
    LIMIT 1
$$;

-- The id of the last of so many rows of a queue or an outbox after an id. Where these are NULL: of
-- all rows. NULL if there is no such row.
CREATE OR REPLACE FUNCTION last_row(p_table regclass, p_after_id bigint, p_count_max bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_last_id bigint;
BEGIN
    IF p_count_max IS NULL THEN
        EXECUTE format('SELECT max(id) FROM %s', p_table) INTO v_last_id;
    ELSE
        EXECUTE format(
            'SELECT max(id) FROM (SELECT id FROM %s WHERE id > $1 ORDER BY id LIMIT $2) AS q',
            p_table
        ) INTO v_last_id USING p_after_id, p_count_max;
    END IF;
    RETURN v_last_id;
END
$$;

-- Removes the rows of the sibling from a queue or an outbox, after an id and up to another one:
-- those of accounts which belong to the realm of the parent (one bit shorter), but not to this
-- one. Returns how many. A balance change of the sibling is never applied here: in the archive, it is
-- done with.
CREATE OR REPLACE FUNCTION drop_parent_rows(
    p_table regclass, p_after_id bigint, p_last_id bigint,
    p_realm_bits integer, p_realm_length integer
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
BEGIN
    IF p_table = 'pending_balance_change'::regclass THEN
        UPDATE registered_balance_change b SET is_applied = true
        FROM pending_balance_change q
        WHERE q.id > p_after_id AND q.id <= p_last_id AND q.is_registered
            AND NOT in_realm(q.debtor_id, q.creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(
                q.debtor_id, q.creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0)
            )
            AND b.debtor_id = q.debtor_id
            AND b.other_creditor_id = q.other_creditor_id
            AND b.change_id = q.change_id;
    END IF;
    EXECUTE format(
        'DELETE FROM %1$s q WHERE id > $3 AND id <= $4'
        ' AND NOT in_realm(%2$s, $1, $2) AND in_realm(%2$s, $1 >> 1, greatest($2 - 1, 0))',
        p_table, owner_columns(p_table)
    ) USING p_realm_bits, p_realm_length, p_after_id, p_last_id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

-- The owner of a row of a table, after an id and up to another one, that does not belong to this
-- realm; none if there is no such row.
CREATE OR REPLACE FUNCTION find_foreign_row(
    p_table regclass, p_after_id bigint, p_last_id bigint,
    p_realm_bits integer, p_realm_length integer
) RETURNS TABLE (debtor_id bigint, creditor_id bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %2$s FROM %1$s q WHERE id > $3 AND id <= $4'
        ' AND NOT in_realm(%2$s, $1, $2) LIMIT 1',
        p_table, owner_columns(p_table)
    ) USING p_realm_bits, p_realm_length, p_after_id, p_last_id;
END
$$;

-- The debtor and the creditor of the account to which a row `q` of a table belongs. A balance
-- change on its way to another shard belongs to the account from which it came.
CREATE OR REPLACE FUNCTION owner_columns(p_table regclass) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE p_table
        WHEN 'pending_balance_change_signal'::regclass THEN 'q.debtor_id, q.other_creditor_id'
        WHEN 'returned_message'::regclass THEN
            'message_number(q.body, ''debtor_id''),'
            ' coalesce('
            'message_number(q.body, ''other_creditor_id''), message_number(q.body, ''creditor_id'')'
            ')'
        ELSE 'q.debtor_id, q.creditor_id'
    END
$$;

CREATE OR REPLACE FUNCTION message_number(p_body bytea, p_field text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (convert_from(p_body, 'UTF8')::json ->> p_field)::bigint
$$;

-- Removes the accounts of the sibling from a range of pages: [p_first_page, p_end_page).
CREATE OR REPLACE FUNCTION drop_parent_accounts(
    p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer
) RETURNS void
LANGUAGE sql AS $$
    WITH foreign_account AS MATERIALIZED (
        SELECT ctid AS tid, debtor_id, creditor_id
        FROM account
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0))
        FOR UPDATE SKIP LOCKED
    ), dropped AS MATERIALIZED (
        SELECT f.tid, k.tid AS key_tid
        FROM foreign_account f
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM account_key
            WHERE debtor_id = f.debtor_id AND creditor_id = f.creditor_id
            FOR UPDATE SKIP LOCKED
        ) AS k
    ), freed AS (
        DELETE FROM account_key k USING dropped d
        WHERE k.ctid = d.key_tid
    )
    DELETE FROM account a USING dropped d
    WHERE a.ctid = d.tid
$$;

-- The same for prepared transfers.
CREATE OR REPLACE FUNCTION drop_parent_prepared_transfers(
    p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer
) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM prepared_transfer
    WHERE ctid = ANY (ARRAY(
        SELECT ctid
        FROM prepared_transfer
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0))
        FOR UPDATE SKIP LOCKED
    ))
$$;
