-- Dead letters stay in their stream, so what was done with them is told by the database alone.

-- name: dealt_with
-- How many letters of a dead-letter queue operators have dealt with: counted up to a limit.
SELECT count(*) FROM (
    SELECT FROM dead_letter_dealt_with
    WHERE queue = %(queue)s AND state <> 'replaying'
    LIMIT 200000
) AS letter
