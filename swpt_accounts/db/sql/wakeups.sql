-- Wakes up those who listen to this topic, because there is work for them: a topic is the name of
-- the kind of row that waits. PostgreSQL folds equal notices of a transaction into one, and
-- delivers them after the commit.
CREATE OR REPLACE FUNCTION wake(p_topic text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_notify(p_topic, '')
$$;
