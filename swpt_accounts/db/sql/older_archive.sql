-- The archive that the reference has left is copied while we work (docs/decisions/0020).

-- Copies so many pages of the archive that the reference has left, unless somebody else does.
-- Returns how far it is: all are copied when both numbers are equal, also where there is none.
CREATE OR REPLACE FUNCTION copy_older_balance_changes(
    p_pages_max bigint, OUT pages_copied bigint, OUT pages_count bigint
)
LANGUAGE plpgsql AS $$
DECLARE
    v_move move;
    v_end_page bigint;
BEGIN
    SELECT * INTO v_move FROM move WHERE NOT is_copied ORDER BY id DESC LIMIT 1;
    IF NOT FOUND THEN
        pages_copied := 0;
        pages_count := 0;
        RETURN;
    END IF;
    pages_copied := v_move.pages_copied;
    pages_count := v_move.pages_count;
    SELECT * INTO v_move
    FROM move
    WHERE id = v_move.id AND NOT is_copied
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    v_end_page := least(v_move.pages_copied + p_pages_max, v_move.pages_count);
    INSERT INTO registered_balance_change (
        debtor_id, other_creditor_id, change_id, committed_at, is_applied
    )
    SELECT debtor_id, other_creditor_id, change_id, contain_moment(committed_at), is_applied
    FROM older_balance_change
    WHERE tid >= page_start(v_move.pages_copied) AND tid < page_start(v_end_page)
        -- the others came with the move, and may have been forgotten since
        AND is_applied
    ON CONFLICT DO NOTHING;
    UPDATE move m
    SET pages_copied = v_end_page, is_copied = (v_end_page = m.pages_count)
    WHERE m.id = v_move.id;
    pages_copied := v_end_page;
END
$$;
