-- The statements that install the stored procedures of this version, and remove others. In
-- braces: the name of a schema, which is made of the version, and texts. All are run in one
-- transaction; the procedures themselves are in `sql/`.

-- name: begin
-- One at a time. What is created from here on gets into the schema.
SELECT pg_advisory_xact_lock(hashtext('swpt_accounts procedures'));
CREATE SCHEMA IF NOT EXISTS {schema};
GRANT USAGE ON SCHEMA {schema} TO PUBLIC;
SET LOCAL search_path = {schema}, {tables_path};
SET LOCAL check_function_bodies = off;
-- Whoever drops what the reference has left, by hand, drops this view, too; nothing is in it any more,
-- if all is copied.
DO $$
BEGIN
    IF to_regclass('older_balance_change') IS NULL THEN
        IF EXISTS (SELECT FROM move WHERE direction = 'in' AND NOT is_copied) THEN
            RAISE EXCEPTION
                'the tables of the reference were dropped before their archive was copied'
                ' (docs/how-to/move-in.md#what-stays-behind)';
        END IF;
        EXECUTE format(
            'CREATE VIEW %s.older_balance_change AS'
            ' SELECT ctid AS tid, * FROM registered_balance_change WHERE false',
            (
                SELECT relnamespace::regnamespace FROM pg_class
                WHERE oid = 'registered_balance_change'::regclass
            )
        );
    END IF;
END
$$

-- name: register
INSERT INTO procedures_version (version, revision, installed_at, oldest_revision)
SELECT
    {version}, {revision}, clock_timestamp(), greatest({oldest_revision}, max(oldest_revision))
FROM procedures_version
ON CONFLICT (version) DO UPDATE
SET installed_at = excluded.installed_at, oldest_revision = excluded.oldest_revision

-- name: remove
-- Removes all versions but the latest ones, and those that cannot work on the tables. What is removed
-- is not installed again on tables of a later version. The procedures of the time before there were
-- versions are in the schema `public`, and known by their names.
DO $$
DECLARE
    v_version text;
    v_function regprocedure;
BEGIN
    FOR v_version IN
        DELETE FROM procedures_version
        WHERE version IN (
            SELECT version FROM procedures_version ORDER BY installed_at DESC OFFSET {kept_count}
        ) OR revision < {oldest_revision}
        RETURNING version
    LOOP
        IF v_version <> 'unversioned' THEN
            EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', 'swpt_accounts_' || v_version);
            CONTINUE;
        END IF;
        DROP VIEW IF EXISTS public.account_update;
        FOR v_function IN
            SELECT oid FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proname = ANY (ARRAY[
            'account_id', 'apply_configuration', 'balance_at', 'capitalize_interest_v1',
            'change_interest_rate_v1', 'configure_accounts_v1', 'contain_principal',
            'creditors_interest_rate', 'current_ts', 'demurrage_rate',
            'drop_parent_accounts_v1', 'drop_parent_prepared_transfers_v1',
            'drop_parent_rows_v1', 'drop_unmatched_finalization_requests', 'expendable_amount',
            'find_account_chores_v1', 'find_book_errors_v1', 'find_foreign_row_v1',
            'find_handled_v1', 'find_unknown_debtors',
            'find_unknown_debtors_of_new_accounts_v1', 'find_unknown_debtors_on_pages_v1',
            'forget_balance_changes_v1', 'forget_handled_v1', 'get_config_data_v1', 'growth',
            'in_realm', 'interest_part', 'is_at_most', 'is_later_config', 'is_later_seqnum',
            'is_negligible_balance', 'is_reachable_v1', 'is_root_deleted',
            'lease_unverified_requests_v1', 'message_number', 'missed_interest',
            'next_change_id', 'next_seqnum', 'note_handled_v1', 'note_verifications_v1',
            'open_account', 'owner_columns', 'page_start', 'process_balance_changes_v1',
            'process_finalization_requests_v1', 'process_transfer_requests_v1',
            'purge_accounts_v1', 'put_aside_messages_v1', 'receive_balance_changes_v1',
            'receive_finalization_requests_v1', 'receive_transfer_requests_v1',
            'record_account_updates', 'reject_unreachable_senders', 'remember_root_configs_v1',
            'remind_of_prepared_transfers_v1', 'same_agent', 'seconds_between',
            'send_due_account_updates_v1', 'send_prompt_account_updates_v1', 't0',
            'table_pages_v1', 'take_due_messages_v1', 'transfer_from_root',
            'try_to_delete_account_v1', 'update_debtor_info_v1', 'wake'
            ])
        LOOP
            EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', v_function);
        END LOOP;
    END LOOP;
    IF FOUND THEN
        UPDATE procedures_version
        SET oldest_revision = greatest(
            oldest_revision, (SELECT min(revision) FROM procedures_version)
        );
    END IF;
END
$$
