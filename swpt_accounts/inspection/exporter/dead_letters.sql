-- Dead letters stay in their stream until they have aged out of it; what was done with them is told by
-- the database alone, and stays there.

-- name: dealt_with
-- How many letters that are still in a dead-letter queue operators have dealt with: counted up to a
-- limit, from the first offset of the stream.
SELECT count(*) FROM (
    SELECT FROM dead_letter_dealt_with
    WHERE queue = %(queue)s AND state <> 'replaying' AND stream_offset >= %(first_offset)s
    LIMIT 200000
) AS letter
