-- What the scenario `status` puts into the database, and takes out of it.

-- name: fill
-- Requests that nobody prepares, for the stage is stopped.
INSERT INTO transfer_request (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    min_locked_amount, max_locked_amount, recipient_creditor_id, final_interest_rate_ts, deadline
)
SELECT %(debtor_id)s, %(first)s + n, 'direct', %(first)s + n, n, 1, 1, %(first)s, now(), now()
FROM generate_series(1, %(count)s) AS n

-- name: empty
TRUNCATE transfer_request
