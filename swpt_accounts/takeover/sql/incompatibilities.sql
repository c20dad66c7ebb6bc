-- What the reference cannot hold of what is ours: a row of two texts for each, whose it is, and what it
-- is. All names are found by the search path. In braces: a condition for accounts, `is_new`.

-- name: rounded_amounts
SELECT format('debtor %%s, creditor %%s', debtor_id, creditor_id), negligible_amount::text
FROM account AS a
WHERE {is_new} AND told_number(contain_real(negligible_amount)) <> negligible_amount

-- name: rounded_rates
SELECT format('debtor %%s, creditor %%s', debtor_id, creditor_id), interest_rate::text
FROM account AS a
WHERE {is_new} AND (
    told_number(contain_real(interest_rate)) <> interest_rate
    OR told_number(contain_real(previous_interest_rate)) <> previous_interest_rate
)

-- name: contained_interest
SELECT format('debtor %%s, creditor %%s', debtor_id, creditor_id), interest::text
FROM account AS a
WHERE {is_new} AND abs(interest) > 5e23

-- name: is_new
-- Whether it may have been written since then.
age(a.xmin) <= age({since}::xid)

-- name: rounded_messages
SELECT
    format('RejectedConfig of debtor %%s, creditor %%s', debtor_id, creditor_id),
    negligible_amount::text
FROM ({rejected_config_signal}) AS s
WHERE told_number(contain_real(negligible_amount)) <> negligible_amount
UNION ALL
SELECT
    format('AccountUpdate of debtor %%s, creditor %%s', debtor_id, creditor_id),
    concat(negligible_amount, ', ', interest_rate)
FROM ({account_update_signal}) AS s
WHERE told_number(contain_real(negligible_amount)) <> negligible_amount
    OR told_number(contain_real(interest_rate)) <> interest_rate

-- name: later_requests
SELECT
    format('debtor %%s, creditor %%s, transfer %%s', debtor_id, creditor_id, transfer_id),
    committed_amount::text
FROM finalization_request
WHERE id NOT IN (SELECT id FROM ({kept_requests}) AS k)

-- name: unverified_requests
SELECT
    format('debtor %%s, creditor %%s', debtor_id, creditor_id),
    format('%%s to %%s', max_locked_amount, account_id(recipient_creditor_id))
FROM unverified_transfer_request

-- name: roots
-- The configurations in force, to be compared with what the reference makes of the texts.
SELECT
    a.debtor_id, a.config_data, a.negligible_amount, a.minimal_balance,
    coalesce(r.interest_rate, 0) AS interest_rate, r.info_iri, r.info_content_type, r.info_sha256
FROM account AS a
LEFT JOIN root_config AS r USING (debtor_id)
WHERE a.creditor_id = 0 AND a.config_data <> ''

-- name: count
-- How many there are of a kind, and some of them.
SELECT count(*), array_agg(whose || ': ' || what) FILTER (WHERE number <= %(examples_max)s)
FROM (SELECT whose, what, row_number() OVER () AS number FROM ({kind}) AS k (whose, what)) AS n

-- name: harmless
SELECT
    (SELECT count(*) FROM handled_batch) AS handled_batch,
    (SELECT count(*) FROM dead_letter_dealt_with) AS dead_letter_dealt_with,
    (SELECT count(*) FROM returned_line) AS returned_line,
    (SELECT count(*) FROM journal) AS journal
