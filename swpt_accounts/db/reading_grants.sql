-- What the role that runs the console may do: read, and nothing else. In braces: the name of the
-- role, and of the schema that has the stored procedures.

-- name: grant
GRANT USAGE ON SCHEMA {schema} TO {role};
DO $$
DECLARE
    -- where the tables are
    v_schema text := (
        SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'account'::regclass
    );
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', v_schema, {role_name});
END
$$;
GRANT SELECT ON
    alembic_version, procedures_version, move, move_proof,
    account_key, account, root_config, prepared_transfer,
    registered_balance_change, older_balance_change, journal,
    transfer_request, unverified_transfer_request, finalization_request, pending_balance_change,
    handled_batch, returned_message, returned_line, dead_letter_dealt_with,
    scan_pass, shard, older_senders,
    rejected_config_signal, rejected_transfer_signal, prepared_transfer_signal,
    finalized_transfer_signal, account_transfer_signal, account_update_signal,
    account_purge_signal, pending_balance_change_signal
    TO {role}
