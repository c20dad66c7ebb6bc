-- What the debtors in other shards say in their RootConfigData, as the fetch API returns it.

-- Which of these debtors, whose own accounts are in other shards, nobody has asked about for
-- `p_age_max`. An answer from the future came before the clock was set back: its age is not known.
CREATE OR REPLACE FUNCTION find_unknown_debtors(
    p_debtor_id bigint[], p_realm_bits integer, p_realm_length integer, p_age_max interval
) RETURNS TABLE (debtor_id bigint)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT d.debtor_id
    FROM unnest(p_debtor_id) AS d (debtor_id)
    WHERE NOT in_realm(d.debtor_id, 0, p_realm_bits, p_realm_length)
        AND NOT EXISTS (
            SELECT FROM root_config c
            WHERE c.debtor_id = d.debtor_id
                AND c.fetched_at > current_ts() - p_age_max
                AND c.fetched_at <= current_ts() + interval '1 minute'
        )
$$;

-- Unknown debtors of accounts that do not exist yet, or are deleted: an account that is opened, or
-- undeleted by a configuration, starts with the interest rate of its currency.
CREATE OR REPLACE FUNCTION find_unknown_debtors_of_new_accounts(
    p_debtor_id bigint[], p_creditor_id bigint[], p_realm_bits integer,
    p_realm_length integer, p_age_max interval
) RETURNS TABLE (debtor_id bigint)
LANGUAGE sql STABLE AS $$
    SELECT u.debtor_id
    FROM find_unknown_debtors(
        ARRAY(
            SELECT k.debtor_id
            FROM unnest(p_debtor_id, p_creditor_id) AS k (debtor_id, creditor_id)
            WHERE k.creditor_id <> 0 AND NOT EXISTS (
                SELECT FROM account a
                WHERE a.debtor_id = k.debtor_id AND a.creditor_id = k.creditor_id
                    AND NOT is_deleted(a.status_flags)
            )
        ),
        p_realm_bits, p_realm_length, p_age_max
    ) AS u
$$;

-- Unknown debtors of the accounts on these pages: [p_first_page, p_end_page).
CREATE OR REPLACE FUNCTION find_unknown_debtors_on_pages(
    p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer,
    p_age_max interval
) RETURNS TABLE (debtor_id bigint)
LANGUAGE sql STABLE AS $$
    SELECT u.debtor_id
    FROM find_unknown_debtors(
        ARRAY(
            SELECT DISTINCT a.debtor_id
            FROM account a
            WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
                AND a.creditor_id <> 0 AND NOT is_deleted(a.status_flags)
        ),
        p_realm_bits, p_realm_length, p_age_max
    ) AS u
$$;

-- Remembers what was fetched: at most `p_count_max` debtors, the last asked about. What somebody
-- else has locked stays as it is, and is asked about again.
CREATE OR REPLACE FUNCTION remember_root_configs(
    p_debtor_id bigint[], p_interest_rate double precision[], p_info_iri text[],
    p_info_content_type text[], p_info_sha256 bytea[], p_count_max integer
) RETURNS void
LANGUAGE sql AS $$
    WITH answer AS MATERIALIZED (
        SELECT *
        FROM unnest(
            p_debtor_id, p_interest_rate, p_info_iri, p_info_content_type, p_info_sha256
        ) AS m (debtor_id, interest_rate, info_iri, info_content_type, info_sha256)
    ), known AS MATERIALIZED (
        SELECT a.*, c.tid
        FROM answer a
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM root_config
            WHERE debtor_id = a.debtor_id
            FOR UPDATE SKIP LOCKED
        ) AS c
    ), renewed AS (
        UPDATE root_config c SET
            interest_rate = k.interest_rate,
            info_iri = k.info_iri,
            info_content_type = k.info_content_type,
            info_sha256 = k.info_sha256,
            fetched_at = current_ts()
        FROM known k
        WHERE c.ctid = k.tid
    )
    INSERT INTO root_config (
        debtor_id, interest_rate, info_iri, info_content_type, info_sha256, fetched_at
    )
    SELECT a.*, current_ts()
    FROM answer a
    WHERE NOT EXISTS (SELECT FROM root_config c WHERE c.debtor_id = a.debtor_id)
    ORDER BY a.debtor_id
    ON CONFLICT DO NOTHING;

    DELETE FROM root_config
    WHERE ctid = ANY (ARRAY(
        SELECT c.tid
        FROM (
            SELECT debtor_id
            FROM root_config
            WHERE fetched_at IS NOT NULL
            ORDER BY fetched_at DESC
            OFFSET p_count_max
        ) AS old
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM root_config
            WHERE debtor_id = old.debtor_id
            FOR UPDATE SKIP LOCKED
        ) AS c
    ))
$$;
