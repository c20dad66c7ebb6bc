-- What is the same in parent and children: the fence, the rows that are copied, and the sums.

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
LOCK TABLE ONLY {table} IN SHARE ROW EXCLUSIVE MODE

-- name: fence
CREATE TRIGGER swpt_accounts_split_fence
BEFORE INSERT OR UPDATE OR DELETE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION swpt_accounts_split.refuse()

-- name: unfence
-- With the triggers that call it.
DROP FUNCTION IF EXISTS swpt_accounts_split.refuse() CASCADE

-- name: columns
SELECT attname AS name FROM pg_attribute
WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum

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

-- name: sums
-- What the children must have together, as the parent has it.
SELECT
    a.accounts, a.principals, a.locked, a.interests, a.seqnums, a.transfer_ids,
    k.keys, p.prepared_transfers, p.prepared
FROM (
    SELECT
        count(*) AS accounts, coalesce(sum(principal), 0) AS principals,
        coalesce(sum(total_locked_amount), 0) AS locked, coalesce(sum(interest), 0) AS interests,
        coalesce(sum(last_change_seqnum), 0) AS seqnums,
        coalesce(sum(last_transfer_id), 0) AS transfer_ids
    FROM account
) AS a, (
    SELECT count(*) AS keys FROM account_key
) AS k, (
    SELECT count(*) AS prepared_transfers, coalesce(sum(locked_amount), 0) AS prepared
    FROM prepared_transfer
) AS p
