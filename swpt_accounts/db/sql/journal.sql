-- The journal: the messages that were received and sent, each noted in the transaction of its
-- effect. It has a slot (a partition) for each of 32 days; a slot is emptied as a whole, after the days
-- for which the journal is kept, and used again. So no table is made or dropped beside the work.
-- See docs/decisions/0022.

CREATE OR REPLACE FUNCTION journal_day(p_ts timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM p_ts) / 86400)::integer
$$;

CREATE OR REPLACE FUNCTION journal_slot(p_day integer) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (((p_day % 32) + 32) % 32)::smallint
$$;

-- Notes messages. Money comes first: what cannot be noted, for whatever reason, is missing in the
-- journal, and a warning (of the class `SJ`) says so.
CREATE OR REPLACE FUNCTION record_messages(
    p_message_type text[], p_debtor_id bigint[], p_creditor_id bigint[], p_coordinator_type text[],
    p_coordinator_id bigint[], p_coordinator_request_id bigint[], p_transfer_id bigint[],
    p_body bytea[], p_is_sent boolean
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (
        slot, recorded_at, is_sent, message_type, debtor_id, creditor_id,
        coordinator_type, coordinator_id, coordinator_request_id, transfer_id, body
    )
    SELECT
        journal_slot(journal_day(current_ts())), current_ts(), p_is_sent,
        m.message_type, m.debtor_id, m.creditor_id,
        m.coordinator_type, m.coordinator_id, m.coordinator_request_id, m.transfer_id, m.body
    FROM unnest(
        p_message_type, p_debtor_id, p_creditor_id, p_coordinator_type, p_coordinator_id,
        p_coordinator_request_id, p_transfer_id, p_body
    ) WITH ORDINALITY AS m (
        message_type, debtor_id, creditor_id, coordinator_type, coordinator_id,
        coordinator_request_id, transfer_id, body, position
    )
    ORDER BY m.position;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING USING
        ERRCODE = 'SJ001',
        MESSAGE = format('%s messages are missing in the journal: %s', cardinality(p_body), SQLERRM);
END
$$;

-- Empties slots that have nothing from the last days (today, and `p_days` before), unless somebody
-- uses them: at most one in each call. Returns the slot.
CREATE OR REPLACE FUNCTION sweep_journal(p_days integer) RETURNS smallint
LANGUAGE plpgsql AS $$
DECLARE
    v_slot smallint;
    v_table regclass;
BEGIN
    PERFORM set_config('lock_timeout', '200ms', true);
    FOR v_slot, v_table IN
        SELECT s.slot, to_regclass('journal_' || to_char(s.slot, 'FM00'))
        FROM generate_series(0, 31) AS s (slot)
    LOOP
        IF is_over_in_journal(v_table, p_days) THEN
            BEGIN
                EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_table);
                -- somebody may have written there in the meantime: the first message of a day
                IF is_over_in_journal(v_table, p_days) THEN
                    EXECUTE format('TRUNCATE %s', v_table);
                    RETURN v_slot;
                END IF;
            EXCEPTION WHEN lock_not_available THEN
                CONTINUE;
            END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- Whether a slot has messages, and none from the last days.
CREATE OR REPLACE FUNCTION is_over_in_journal(p_table regclass, p_days integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_newest timestamptz;
BEGIN
    IF p_table IS NOT NULL THEN
        EXECUTE format('SELECT recorded_at FROM %s ORDER BY slot DESC, id DESC LIMIT 1', p_table)
            INTO v_newest;
    END IF;
    RETURN coalesce(journal_day(v_newest) < journal_day(current_ts()) - p_days, false);
END
$$;
