-- What the role that runs the workers may do, and nothing else. In braces: the name of the role,
-- and of the schema that has the stored procedures. Whoever locks a row needs the right to update
-- a column of it: where rows are only locked, that is the id, which nobody can set. Nothing is
-- revoked, for workers of the version before may be at work.

-- name: grant
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
GRANT USAGE ON SEQUENCE change_id_seq, returned_message_id_seq TO {role};
-- proofs compare them with the ids in use
DO $$
DECLARE
    -- where the tables are
    v_schema text := (
        SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'account'::regclass
    );
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', v_schema, {role_name});
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %s TO %I', v_schema, {role_name});
END
$$;
-- what is installed
GRANT SELECT ON alembic_version, procedures_version, move_proof, older_senders TO {role};
GRANT SELECT, UPDATE (pages_copied, is_copied) ON move TO {role};
GRANT SELECT ON older_balance_change TO {role};
-- accounts
GRANT SELECT, INSERT, UPDATE, DELETE ON account, root_config TO {role};
-- (keys are locked, never updated; whoever inserts and deletes them could do as much)
GRANT SELECT, INSERT, UPDATE (creditor_id), DELETE ON account_key TO {role};
GRANT SELECT, INSERT, UPDATE (last_reminder_ts), DELETE ON prepared_transfer TO {role};
GRANT SELECT, INSERT, UPDATE (is_applied), DELETE ON registered_balance_change TO {role};
-- queues
GRANT SELECT, INSERT, UPDATE (next_attempt_at, attempts_count, unasked_seconds), DELETE
    ON unverified_transfer_request TO {role};
GRANT SELECT, INSERT, UPDATE (id), DELETE ON
    transfer_request, finalization_request, pending_balance_change, handled_batch
    TO {role};
GRANT SELECT, INSERT, UPDATE ON scan_pass TO {role};
GRANT SELECT, INSERT, DELETE ON shard TO {role};
-- what the broker did not take, and what it brought in vain
GRANT SELECT, INSERT, UPDATE (next_attempt_at), DELETE ON returned_message TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON returned_line, dead_letter_dealt_with TO {role};
-- the journal: slots are emptied as a whole
GRANT SELECT, INSERT ON journal TO {role};
DO $$
DECLARE
    v_slot regclass;
BEGIN
    FOR v_slot IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'journal'::regclass LOOP
        EXECUTE format('GRANT SELECT, TRUNCATE ON %s TO %I', v_slot, {role_name});
    END LOOP;
END
$$;
-- outboxes
GRANT SELECT, INSERT, UPDATE (id), DELETE ON
    rejected_config_signal, rejected_transfer_signal, prepared_transfer_signal,
    finalized_transfer_signal, account_transfer_signal, account_update_signal,
    account_purge_signal, pending_balance_change_signal
    TO {role}
