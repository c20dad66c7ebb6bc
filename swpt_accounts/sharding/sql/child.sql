-- What `shards` does in the databases of the children. In braces: names.

-- name: make_state
-- The mark stays when a split is undone: who waits there must not begin without one.
CREATE SCHEMA IF NOT EXISTS swpt_accounts_split;
CREATE TABLE IF NOT EXISTS swpt_accounts_split.waits_for_switch ();
CREATE TABLE swpt_accounts_split.origin (
    identity text NOT NULL,
    realm text NOT NULL,
    opened_at timestamptz
);
CREATE TABLE swpt_accounts_split.beat (id integer PRIMARY KEY, number bigint NOT NULL);
REVOKE ALL ON SCHEMA swpt_accounts_split FROM PUBLIC

-- name: note_realm
DELETE FROM shard;
INSERT INTO shard (realm, noted_at) VALUES ({realm}, now())

-- name: note_origin
INSERT INTO swpt_accounts_split.origin (identity, realm) VALUES (%(identity)s, %(realm)s)

-- name: has_origin
-- Whether it has a parent; the mark may be there without.
SELECT EXISTS (
    SELECT FROM pg_class
    WHERE relname = 'origin' AND relnamespace = (
        SELECT oid FROM pg_namespace WHERE nspname = 'swpt_accounts_split'
    )
) AS found

-- name: workers
-- The sessions of services; those that wait for the switch come and go.
SELECT count(*) AS sessions_count FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name LIKE 'swpt_accounts %%'
    AND application_name <> 'swpt_accounts shards'

-- name: read_origin
SELECT identity, realm, opened_at FROM swpt_accounts_split.origin

-- name: make_key
-- By it, changed rows are found. While the shard works, it would cost too much (decision 12).
ALTER TABLE account ADD CONSTRAINT swpt_accounts_split_key PRIMARY KEY (debtor_id, creditor_id)

-- name: drop_key
ALTER TABLE account DROP CONSTRAINT IF EXISTS swpt_accounts_split_key

-- name: subscription
-- The subscription, and whether its worker runs.
SELECT
    s.subenabled AS is_enabled,
    s.subslotname AS slot,
    EXISTS (SELECT FROM pg_stat_subscription AS w WHERE w.subid = s.oid AND w.pid IS NOT NULL)
        AS is_running
FROM pg_subscription AS s
WHERE s.subname = %(name)s
    AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: subscribe
CREATE SUBSCRIPTION {named} CONNECTION {address} PUBLICATION {named}
WITH (create_slot = false, slot_name = {slot}, copy_data = true)

-- name: detach
ALTER SUBSCRIPTION {named} DISABLE;
ALTER SUBSCRIPTION {named} SET (slot_name = NONE)

-- name: attach
ALTER SUBSCRIPTION {named} SET (slot_name = {slot});
ALTER SUBSCRIPTION {named} ENABLE

-- name: drop_subscription
DROP SUBSCRIPTION IF EXISTS {named}

-- name: copied
-- Of each replicated table: whether all of it has come, or how many rows until now.
SELECT
    c.relname AS table, r.srsubstate = 'r' AS is_ready,
    coalesce(p.tuples_processed, 0) AS rows_count
FROM pg_subscription_rel AS r
JOIN pg_subscription AS s ON s.oid = r.srsubid
JOIN pg_class AS c ON c.oid = r.srrelid
LEFT JOIN pg_stat_progress_copy AS p ON p.relid = r.srrelid AND p.datname = current_database()
WHERE s.subname = %(name)s

-- name: beat
SELECT number FROM swpt_accounts_split.beat

-- name: hold_beat
-- The worker of the subscription waits with it, when it has everything that came before.
LOCK TABLE swpt_accounts_split.beat IN SHARE MODE

-- name: is_beat_awaited
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE relation = 'swpt_accounts_split.beat'::regclass AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS found

-- name: open
DROP TABLE swpt_accounts_split.waits_for_switch;
UPDATE swpt_accounts_split.origin SET opened_at = now()

-- name: forget_origin
DROP TABLE IF EXISTS swpt_accounts_split.origin, swpt_accounts_split.beat

-- name: drop_state
DROP SCHEMA IF EXISTS swpt_accounts_split CASCADE

-- name: empty
TRUNCATE {tables}
