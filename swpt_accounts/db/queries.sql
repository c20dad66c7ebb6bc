-- The statements that the program sends beside the calls of stored procedures.
-- In braces: identifiers that are filled in.

-- name: take_signals
-- Removes the oldest rows of an outbox table that nobody else is sending, and returns them.
DELETE FROM {table} AS s
WHERE s.ctid = ANY (ARRAY(
    SELECT ctid
    FROM {table}
    WHERE id > %(after_id)s
    ORDER BY id
    LIMIT %(count_max)s
    FOR UPDATE SKIP LOCKED
))
RETURNING s.id, {columns}

-- name: filled_outbox
-- The name of an outbox, if there is a row in it.
SELECT {name} WHERE EXISTS (SELECT FROM {table} WHERE id > {after_id})

-- name: has_due_messages
-- The name of the messages that are put aside, if one of these types is due.
SELECT {name} WHERE has_due_messages({signal_names})

-- name: keep_alive
-- Says that the transaction is not forgotten.
SELECT 1

-- name: listening
SELECT pg_listening_channels()

-- name: has_rows
SELECT 1 WHERE EXISTS (SELECT FROM {table} WHERE id > $1)

-- name: has_due_requests
-- Also one from before the clock was set back: see lease_unverified_requests.
SELECT 1 WHERE EXISTS (
    SELECT FROM unverified_transfer_request WHERE next_attempt_at <= current_ts()
) OR EXISTS (
    SELECT FROM unverified_transfer_request
    WHERE next_attempt_at > current_ts() + interval '150 seconds'
)

-- name: first_row
SELECT id
FROM {table}
WHERE id > %(after_id)s AND id <> ALL (%(left_ids)s)
ORDER BY id
LIMIT 1

-- name: stand_by
-- Whether this session leads the stage, which it does until it ends; the first and the last row.
SELECT unnest(ARRAY[
    pg_try_advisory_lock(hashtextextended({lock}, 0))::text,
    (SELECT min(id) FROM {table} WHERE id > $1)::text,
    (SELECT max(id) FROM {table} WHERE id > $1)::text
])

-- name: owners
-- The accounts to which the rows of a table belong.
SELECT {owner} FROM {table} AS q

-- name: is_installed
-- Whether the procedures of a version are installed.
SELECT EXISTS (SELECT FROM procedures_version WHERE version = %(version)s)

-- name: serves_earlier
-- Of tables that a later version has made: whether the program may work on them, and from which
-- migration on others may.
SELECT
    coalesce(oldest_revision <= %(revision)s, false) OR EXISTS (
        SELECT FROM procedures_version WHERE version = %(version)s
    ),
    oldest_revision
FROM (
    SELECT max(oldest_revision) AS oldest_revision FROM procedures_version
    WHERE revision > %(revision)s
) AS later

-- name: check_session
-- The same, and whose session this is. Commits are kept from now on, whatever the role says: a
-- message that is acknowledged must survive the server. (`transaction_timeout` is of version 17.)
-- The lock, which nobody waits for, shows which version the session works with (`upgrade check`).
SELECT
    pg_backend_pid() AS pid,
    coalesce(current_setting(%(arrived)s, true), '') <> '' AS has_options,
    EXISTS (SELECT FROM procedures_version WHERE version = %(version)s) AS is_installed,
    (SELECT realm FROM shard) AS realm,
    ARRAY(
        SELECT relname::text FROM pg_class
        WHERE relkind = 'r' AND relnamespace = (
            SELECT oid FROM pg_namespace WHERE nspname = %(split_schema)s
        )
    ) AS split_marks,
    CASE WHEN current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
        THEN set_config('synchronous_commit', 'on', false)
    END,
    (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'),
    pg_advisory_lock_shared(hashtext('swpt_accounts version'), hashtext(%(version)s))

-- name: end_autovacuum
-- In a migration, which waits for the locks that it needs so briefly that PostgreSQL would not end an
-- autovacuum for it (that takes `deadlock_timeout`, a second). It does for this lock, which is in the
-- way of no worker, and keeps the next autovacuum away.
DO $$
DECLARE
    v_lock_timeout text := current_setting('lock_timeout');
    v_table regclass;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    FOR v_table IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND pg_has_role(relowner, 'USAGE') AND relnamespace = (
            SELECT relnamespace FROM pg_class WHERE oid = 'alembic_version'::regclass
        )
        ORDER BY oid
    LOOP
        EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', v_table);
    END LOOP;
    PERFORM set_config('lock_timeout', v_lock_timeout, true);
END
$$

-- name: are_reachable
-- For each account whether it accepts incoming transfers.
SELECT is_reachable(q.debtor_id, q.creditor_id)
FROM unnest($1, $2) WITH ORDINALITY AS q (debtor_id, creditor_id, number)

-- name: unless_past
-- The end of a statement that finds nothing when other shards have taken over from this one.
WHERE NOT EXISTS (
    SELECT FROM pg_class
    WHERE relname = 'has_switched'
        AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'swpt_accounts_split')
)

-- name: split_marks
-- What says that the shard is being split, and how far that is (db/gate.py).
SELECT relname::text FROM pg_class
WHERE relkind = 'r'
    AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'swpt_accounts_split')

-- name: are_strangers_taken
-- Whether a balance change is taken whoever has sent it. A shard that is alone gets none from other
-- shards of an earlier version.
SELECT EXISTS (
    SELECT FROM older_senders
    WHERE taken_until > current_ts() AND (cause = 'move' OR NOT %(is_alone)s)
)

-- name: write_to_standby
-- Something that has to be committed, and changes nothing.
SELECT pg_logical_emit_message(true, 'swpt_accounts', '')

-- name: database_identity
-- Which cluster, which database in it, and which history: a copy that was made writable, or a
-- restored one, has its own.
SELECT s.system_identifier, d.oid, c.timeline_id
FROM pg_control_system() AS s, pg_control_checkpoint() AS c, pg_database AS d
WHERE d.datname = current_database()

-- name: alembic_versions
-- The schemas that have a table of migrations, and whether they have one that is the program's own, or
-- one that another program of accounts has, too.
SELECT
    v.relnamespace::regnamespace::text,
    EXISTS (
        SELECT FROM pg_class AS a
        WHERE a.relnamespace = v.relnamespace AND a.relname = 'account_key' AND a.relkind = 'r'
    ),
    EXISTS (
        SELECT FROM pg_class AS a
        WHERE a.relnamespace = v.relnamespace AND a.relname = 'prepared_transfer' AND a.relkind = 'r'
    )
FROM pg_class AS v
WHERE v.relname = 'alembic_version' AND v.relkind = 'r' AND has_table_privilege(v.oid, 'SELECT')
ORDER BY v.relnamespace

-- name: read_revision
-- All of them: with a second one, the tables are of no version.
SELECT string_agg(version_num, ', ' ORDER BY version_num) FROM {schema}.alembic_version

-- name: may_create
-- Whether tables can be made where they have always been, or are there already.
SELECT
    to_regclass('public.alembic_version') IS NOT NULL
    OR coalesce(has_schema_privilege(to_regnamespace('public'), 'CREATE'), false)
    OR to_regnamespace('swpt_accounts_books') IS NOT NULL
