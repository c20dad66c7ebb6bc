-- Stands for NOTIFY in a simulated run: what a transaction has woken up comes to the client with the
-- answer to its commit, in a setting that the server reports by itself: the number of the transaction,
-- and a letter for each topic. Like a notice, it is undone with the transaction.
CREATE OR REPLACE FUNCTION wake(p_topic text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_transaction text := pg_current_xact_id()::text;
    v_woken text := current_setting('application_name');
    v_letter text := chr(64 + array_position({topics}, p_topic));
BEGIN
    IF split_part(v_woken, '|', 1) <> v_transaction THEN
        v_woken := v_transaction || '|';
    END IF;
    IF strpos(v_woken, v_letter) = 0 THEN
        PERFORM set_config('application_name', v_woken || v_letter, false);
    END IF;
END
$$
