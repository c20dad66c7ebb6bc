-- Destinations whose messages RabbitMQ returns: counted up to a limit.

-- name: returned_lines
SELECT count(*) FROM (SELECT FROM returned_line WHERE pause_seconds > 0 LIMIT 10000) AS line
