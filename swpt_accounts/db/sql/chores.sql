-- The local tasks. Losing one, or doing it twice, does no harm. Each locks one account, and waits
-- for nobody: it returns whether it is done, or has nothing to do. If not, somebody else has locked
-- the account, and it has to be tried again.

-- Locks an account. Returns false if somebody else has; true also if there is no such account.
CREATE OR REPLACE FUNCTION lock_account(p_debtor_id bigint, p_creditor_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM account
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
    FOR UPDATE SKIP LOCKED;
    RETURN FOUND OR NOT EXISTS (
        SELECT FROM account WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
    );
END
$$;

-- Changes the interest rate of a creditor's account, unless the order is more than a day old,
-- changes nothing, or comes less than `p_interval_min` after the last change.
CREATE OR REPLACE FUNCTION change_interest_rate(
    p_debtor_id bigint, p_creditor_id bigint, p_interest_rate double precision,
    p_ts timestamptz, p_interval_min interval
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_rate double precision := least(greatest(p_interest_rate, -50), 100);
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;

    UPDATE account SET
        interest = interest_part(
            balance_at(v_now, principal, interest, interest_rate, last_change_ts), principal
        ),
        previous_interest_rate = interest_rate,
        interest_rate = v_rate,
        last_interest_rate_change_ts = v_now,
        last_change_seqnum = next_seqnum(last_change_seqnum),
        last_change_ts = greatest(last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND NOT is_deleted(status_flags)
        AND interest_rate <> v_rate
        AND p_ts >= v_now - interval '1 day'
        AND last_interest_rate_change_ts <= v_now - p_interval_min;
    IF FOUND THEN
        PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    END IF;
    RETURN true;
END
$$;

-- Changes what a creditor's account says about its debtor.
CREATE OR REPLACE FUNCTION update_debtor_info(
    p_debtor_id bigint, p_creditor_id bigint, p_iri text, p_content_type text, p_sha256 bytea,
    p_ts timestamptz
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;

    UPDATE account SET
        interest = interest_part(
            balance_at(v_now, principal, interest, interest_rate, last_change_ts), principal
        ),
        debtor_info_iri = p_iri,
        debtor_info_content_type = p_content_type,
        debtor_info_sha256 = p_sha256,
        last_change_seqnum = next_seqnum(last_change_seqnum),
        last_change_ts = greatest(last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND NOT is_deleted(status_flags)
        AND (debtor_info_iri, debtor_info_content_type, debtor_info_sha256)
            IS DISTINCT FROM (p_iri, p_content_type, p_sha256)
        AND p_ts >= v_now - interval '1 day';
    IF FOUND THEN
        PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    END IF;
    RETURN true;
END
$$;

-- Turns the whole units of a creditor's accumulated interest into principal, if that was not
-- done for `p_interval_min`. What does not fit into an int64 principal stays interest.
CREATE OR REPLACE FUNCTION capitalize_interest(
    p_debtor_id bigint, p_creditor_id bigint, p_interval_min interval,
    p_realm_bits integer, p_realm_length integer
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
    v_interest numeric;
    v_amount bigint;
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;

    SELECT * INTO v_account
    FROM account
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND NOT is_deleted(status_flags)
        AND last_interest_capitalization_ts <= v_now - p_interval_min;
    IF NOT FOUND THEN
        RETURN true;
    END IF;

    v_interest := interest_part(
        balance_at(
            v_now, v_account.principal, v_account.interest, v_account.interest_rate,
            v_account.last_change_ts
        ),
        v_account.principal
    );
    v_amount := contain_principal(
        contain_principal(v_account.principal + floor(v_interest))::numeric - v_account.principal
    );
    IF v_amount <> 0 THEN
        UPDATE account SET
            principal = principal + v_amount,
            interest = v_interest - v_amount,
            last_interest_capitalization_ts = v_now,
            last_change_seqnum = next_seqnum(last_change_seqnum),
            last_change_ts = greatest(last_change_ts, v_now),
            pending_account_update = true
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id;
        PERFORM transfer_from_root(
            p_debtor_id, p_creditor_id, v_amount, 'interest', p_realm_bits, p_realm_length
        );
        PERFORM wake('PendingAccountUpdate');
    END IF;
    RETURN true;
END
$$;

-- Deletes an account that is scheduled for deletion, if no transfers are prepared on it, and
-- its owner loses no more than the negligible amount. What is left goes to the debtor.
CREATE OR REPLACE FUNCTION try_to_delete_account(
    p_debtor_id bigint, p_creditor_id bigint, p_realm_bits integer, p_realm_length integer
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;

    UPDATE account SET last_deletion_attempt_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id AND NOT is_deleted(status_flags)
    RETURNING * INTO v_account;

    IF NOT FOUND
        OR NOT is_scheduled_for_deletion(v_account.config_flags)
        OR v_account.pending_transfers_count > 0
        OR NOT is_negligible_balance(v_account, v_now)
    THEN
        RETURN true;
    END IF;

    UPDATE account SET
        principal = 0,
        interest = 0,
        total_locked_amount = 0,
        status_flags = make_status_flags(true, is_overflown(status_flags)),
        last_change_seqnum = next_seqnum(last_change_seqnum),
        last_change_ts = greatest(last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id;
    IF v_account.principal <> 0 THEN
        PERFORM transfer_from_root(
            p_debtor_id, p_creditor_id, -v_account.principal, 'delete',
            p_realm_bits, p_realm_length
        );
    END IF;
    PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    RETURN true;
END
$$;

-- Whether an account may be deleted as far as its balance is concerned.
CREATE OR REPLACE FUNCTION is_negligible_balance(p_account account, p_now timestamptz)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_account.creditor_id
        WHEN 0 THEN p_account.principal = 0
        ELSE is_at_most(
            contain_principal(floor(balance_at(
                p_now, p_account.principal, p_account.interest, p_account.interest_rate,
                p_account.last_change_ts
            ))),
            p_account.negligible_amount
        )
    END
$$;

-- Records a transfer of `p_amount` (negative: the other way) from the debtor to a creditor
-- whose principal the caller has changed already: the creditor's AccountTransfer, unless it
-- is negligible, and the change that the debtor's account has yet to undergo.
CREATE OR REPLACE FUNCTION transfer_from_root(
    p_debtor_id bigint, p_creditor_id bigint, p_amount bigint, p_coordinator_type text,
    p_realm_bits integer, p_realm_length integer
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    IF in_realm(p_debtor_id, 0, p_realm_bits, p_realm_length) THEN
        INSERT INTO pending_balance_change (
            debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
            coordinator_type, transfer_note, transfer_note_format, committed_at
        )
        VALUES (
            p_debtor_id, 0, p_creditor_id, next_change_id(), -p_amount,
            p_coordinator_type, '', '', v_now
        );
        PERFORM wake('PendingBalanceChange');
    ELSE
        INSERT INTO pending_balance_change_signal (
            debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type,
            transfer_note_format, transfer_note, committed_at, principal_delta, ts
        )
        VALUES (
            p_debtor_id, 0, p_creditor_id, next_change_id(), p_coordinator_type,
            '', '', v_now, -p_amount, v_now
        );
        PERFORM wake('PendingBalanceChangeSignal');
    END IF;

    WITH numbered AS (
        UPDATE account SET
            last_transfer_number = last_transfer_number + 1,
            last_transfer_committed_at = v_now
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
            AND creditor_id <> 0
            AND (p_amount < 0 OR NOT is_at_most(p_amount, negligible_amount))
        RETURNING creation_date, last_transfer_number, principal
    )
    INSERT INTO account_transfer_signal (
        debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
        sender, recipient, acquired_amount, transfer_note, transfer_note_format,
        committed_at, principal, previous_transfer_number, ts
    )
    SELECT
        p_debtor_id, p_creditor_id, creation_date, last_transfer_number, p_coordinator_type,
        account_id(CASE WHEN p_amount > 0 THEN 0 ELSE p_creditor_id END),
        account_id(CASE WHEN p_amount > 0 THEN p_creditor_id ELSE 0 END),
        p_amount, '', '', v_now, principal, last_transfer_number - 1, v_now
    FROM numbered;
    IF FOUND THEN
        PERFORM wake('AccountTransferSignal');
    END IF;
END
$$;
