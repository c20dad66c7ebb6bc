-- What `shards` does in the database of the parent. In braces: names, and parts of statements.

-- name: make_state
-- The children are known by their realms. Each beat has a number of its own: a child that has got it
-- has got everything before it. `heard` is the last one that a child is known to have got. A server
-- that takes the place of another one has a new timeline.
CREATE SCHEMA swpt_accounts_split;
CREATE TABLE swpt_accounts_split.split (
    step text NOT NULL CHECK (
        step IN ('preparing', 'switching', 'opening', 'switched', 'finished')
    ),
    realm text NOT NULL,
    queue text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    switched_at timestamptz,
    interrupted_seconds double precision
);
CREATE TABLE swpt_accounts_split.child (
    realm text PRIMARY KEY,
    queue text NOT NULL,
    identity text NOT NULL,
    name text NOT NULL UNIQUE,
    opened_at timestamptz,
    parent_timeline text,
    child_timeline text,
    heard bigint NOT NULL DEFAULT 0
);
CREATE TABLE swpt_accounts_split.proof (
    realm text NOT NULL,
    subject text NOT NULL,
    amount numeric NOT NULL,
    PRIMARY KEY (realm, subject)
);
CREATE TABLE swpt_accounts_split.beat (id integer PRIMARY KEY, number bigint NOT NULL);
INSERT INTO swpt_accounts_split.beat VALUES (1, 1);
REVOKE ALL ON SCHEMA swpt_accounts_split FROM PUBLIC

-- name: has_state
SELECT EXISTS (
    SELECT FROM pg_class
    WHERE relname = 'split' AND relnamespace = (
        SELECT oid FROM pg_namespace WHERE nspname = 'swpt_accounts_split'
    )
) AS found

-- name: note_split
INSERT INTO swpt_accounts_split.split (step, realm, queue)
VALUES ('preparing', %(realm)s, %(queue)s)

-- name: note_child
INSERT INTO swpt_accounts_split.child (realm, queue, identity, name)
VALUES (%(realm)s, %(queue)s, %(identity)s, %(name)s)

-- name: read_split
SELECT step, realm, queue, began_at, switched_at, interrupted_seconds FROM swpt_accounts_split.split

-- name: read_children
SELECT realm, queue, identity, name, opened_at FROM swpt_accounts_split.child ORDER BY realm

-- name: set_step
UPDATE swpt_accounts_split.split
SET step = %(step)s,
    switched_at = CASE WHEN %(step)s = 'switched' THEN now() ELSE switched_at END,
    interrupted_seconds = coalesce(%(seconds)s, interrupted_seconds)

-- name: note_opened
UPDATE swpt_accounts_split.child SET opened_at = coalesce(opened_at, now()) WHERE realm = %(realm)s

-- name: forget_proof
DELETE FROM swpt_accounts_split.proof

-- name: keep_proof
INSERT INTO swpt_accounts_split.proof (realm, subject, amount)
VALUES (%(realm)s, %(subject)s, %(amount)s)
ON CONFLICT (realm, subject) DO UPDATE SET amount = excluded.amount

-- name: read_proof
SELECT realm, subject, amount FROM swpt_accounts_split.proof ORDER BY realm, subject

-- name: drop_state
DROP SCHEMA IF EXISTS swpt_accounts_split CASCADE

-- name: whole_old_rows
-- An account has no key of its own that decoding could go by (decision 12).
ALTER TABLE account REPLICA IDENTITY FULL

-- name: usual_old_rows
ALTER TABLE account REPLICA IDENTITY DEFAULT

-- name: publish
CREATE PUBLICATION {named} FOR TABLE {tables}

-- name: publications
SELECT pubname AS name FROM pg_publication WHERE pubname = ANY (%(names)s)

-- name: unpublish
DROP PUBLICATION IF EXISTS {named}

-- name: slots
-- Of each slot: whether somebody uses it, and how many bytes of WAL are kept for it.
SELECT
    slot_name AS name, active AS is_active, coalesce(wal_status, 'lost') AS wal_status,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint AS kept_bytes
FROM pg_replication_slots
WHERE slot_name = ANY (%(names)s)

-- name: copying_slots
-- Of tables that were being copied. PostgreSQL names them so, with the number of the child's cluster.
SELECT s.slot_name AS name
FROM pg_replication_slots AS s
JOIN swpt_accounts_split.child AS c
    ON s.slot_name LIKE 'pg\_%%\_sync\_%%\_' || split_part(c.identity, '-', 1)
WHERE s.database = current_database()
GROUP BY 1

-- name: make_slot
SELECT pg_create_logical_replication_slot(%(name)s, 'pgoutput')

-- name: end_sender
-- A walsender whose subscription is gone, or cannot be asked, needs a moment to notice.
SELECT pg_terminate_backend(active_pid)
FROM pg_replication_slots
WHERE slot_name = %(name)s AND active_pid IS NOT NULL

-- name: drop_slot
SELECT pg_drop_replication_slot(slot_name)
FROM pg_replication_slots
WHERE slot_name = %(name)s AND NOT active

-- name: beat
UPDATE swpt_accounts_split.beat SET number = number + 1 RETURNING number

-- name: note_stream
UPDATE swpt_accounts_split.child
SET parent_timeline = %(parent)s, child_timeline = %(child)s
WHERE name = %(name)s

-- name: note_heard
UPDATE swpt_accounts_split.child SET heard = %(number)s WHERE name = %(name)s

-- name: read_stream
SELECT
    c.parent_timeline, c.child_timeline, c.heard, b.number AS said
FROM swpt_accounts_split.child AS c, swpt_accounts_split.beat AS b
WHERE c.name = %(name)s

-- name: stop_consumers
CREATE TABLE IF NOT EXISTS swpt_accounts_split.consumers_leave ()

-- name: close
CREATE TABLE swpt_accounts_split.has_switched ()

-- name: open
-- Who was stopped, or has left, comes back.
DROP TABLE IF EXISTS swpt_accounts_split.has_switched, swpt_accounts_split.consumers_leave

-- name: is_closed
SELECT EXISTS (
    SELECT FROM pg_class
    WHERE relname = 'has_switched' AND relnamespace = 'swpt_accounts_split'::regnamespace
) AS found
