-- What is the same in parent and children: the fence, the rows that are copied, and the proof.

-- name: make_fence
-- What writes is stopped by a trigger, whatever role it has. A subscription's worker is not.
CREATE OR REPLACE FUNCTION swpt_accounts_split.refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this database is closed for writing: the shard is being split'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$

-- name: lock
LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE

-- name: fence
CREATE OR REPLACE TRIGGER swpt_accounts_split_fence
BEFORE INSERT OR UPDATE OR DELETE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION swpt_accounts_split.refuse()

-- name: open_fence
-- The triggers stay: dropping them would have to wait for those who read.
CREATE OR REPLACE FUNCTION swpt_accounts_split.refuse() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$

-- name: unfence
-- With the triggers that call it.
DROP FUNCTION IF EXISTS swpt_accounts_split.refuse() CASCADE

-- name: columns
-- By their names: the order may differ in another database.
SELECT t AS table, array_agg(attname::text ORDER BY attname) AS names
FROM unnest(%(tables)s::text[]) AS t
JOIN pg_attribute ON attrelid = t::regclass AND attnum > 0 AND NOT attisdropped
GROUP BY t

-- name: owner
SELECT owner_columns(%(table)s::regclass) AS columns

-- name: copy_out
COPY (SELECT {columns} FROM {table} AS q WHERE {condition}) TO STDOUT (FORMAT binary)

-- name: copy_in
COPY {table} ({columns}) FROM STDIN (FORMAT binary)

-- name: changes_of_others
-- What waits to be applied by another child: in the archive of this one, it is done with.
SELECT debtor_id, other_creditor_id, change_id
FROM pending_balance_change
WHERE is_registered AND NOT in_realm(debtor_id, creditor_id, %(realm_bits)s, %(realm_length)s)

-- name: settle_changes
UPDATE registered_balance_change AS b SET is_applied = true
FROM unnest(%(debtor_id)s::bigint[], %(other_creditor_id)s::bigint[], %(change_id)s::bigint[])
    AS c (debtor_id, other_creditor_id, change_id)
WHERE b.debtor_id = c.debtor_id
    AND b.other_creditor_id = c.other_creditor_id
    AND b.change_id = c.change_id

-- name: of_realm
in_realm({owner}, {realm_bits}, {realm_length})

-- name: sequences
-- The sequences of the tables, and that of the changes, by names without a schema.
SELECT c.relname AS name, coalesce(pg_sequence_last_value(c.oid), 0) AS last_value
FROM pg_class AS c
WHERE c.relkind = 'S'
    AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'account'::regclass)

-- name: set_sequence
SELECT setval(%(name)s::regclass, greatest(%(value)s, 1))

-- name: key
-- The columns that a row is known by.
SELECT a.attname AS name
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %(table)s::regclass AND i.indisprimary
ORDER BY a.attnum

-- name: digest
-- The same rows have the same digest, in whatever order; those of parts add up.
SELECT
    {subject} AS table, count(*) AS rows_count,
    coalesce(sum(hash_record_extended(ROW({columns}), 0)), 0) AS digest
FROM {table} AS q
WHERE {condition}

-- name: digests_of_parts
-- The same, for a thousand parts of a table.
SELECT
    hash_record_extended(ROW({key}), 0) & 1023 AS part,
    count(*) AS rows_count, sum(hash_record_extended(ROW({columns}), 0)) AS digest
FROM {table} AS q
WHERE {condition}
GROUP BY 1

-- name: rows_of_part
SELECT ROW({key})::text AS key, hash_record_extended(ROW({columns}), 0) AS digest
FROM {table} AS q
WHERE {condition} AND hash_record_extended(ROW({key}), 0) & 1023 = {part}

-- name: last_journal_id
SELECT coalesce(max(id), 0) AS id FROM journal

-- name: later
id > {id}

-- name: foreign_rows
-- Rows of accounts that do not belong to a realm: no child would get them.
SELECT count(*) AS rows_count, min(concat_ws('/', {owner})) AS first
FROM {table} AS q
WHERE in_realm({owner}, {realm_bits}, {realm_length}) IS NOT TRUE
