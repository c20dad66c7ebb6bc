-- The first table that has a record of an account outside of the realm; NULL if there is none.
CREATE OR REPLACE FUNCTION find_foreign_records_v1(p_realm_bits integer, p_realm_length integer)
RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_table text;
    v_is_foreign boolean;
BEGIN
    FOREACH v_table IN ARRAY ARRAY[
        'account', 'prepared_transfer', 'transfer_request', 'unverified_transfer_request',
        'finalization_request', 'pending_balance_change'
    ] LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %I WHERE NOT in_realm(debtor_id, creditor_id, $1, $2))',
            v_table
        ) INTO v_is_foreign USING p_realm_bits, p_realm_length;
        IF v_is_foreign THEN
            RETURN v_table;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
