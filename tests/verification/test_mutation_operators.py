"""The mutator of the stored procedures: what each operator makes of a text."""

import pytest

from swpt_accounts.db.installer import read_sql
from verification.mutation.mutants import explained, sample
from verification.mutation.sql_mutants import MONEY, mutate, originals, sql_mutants


def changed(operator: str, body: str) -> list[str]:
    """The bodies that an operator makes of one, in a line each."""
    text = f"CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS $$ {body} $$;"
    texts = [mutant.text for mutant in mutate("subject", text) if mutant.operator == operator]
    return [" ".join(new.split("$$")[1].split()) for new in texts]


@pytest.mark.parametrize(
    ("operator", "body", "expected"),
    [
        ("comparisons", "a < b", ["a <= b", "a >= b"]),
        ("comparisons", "a >= b", ["a > b", "a < b"]),
        ("comparisons", "a = b OR c <> d", ["a <> b OR c <> d", "a = b OR c = d"]),
        ("comparisons", "a IS DISTINCT FROM b", ["a IS NOT DISTINCT FROM b"]),
        ("comparisons", "f(a => 1); x := 2; a << b", []),
        ("signs", "a + b", ["a - b"]),
        ("signs", "a - b * c", ["a + b * c", "a - b / c"]),
        ("signs", "SELECT *, count(*), q.* FROM t", []),
        ("signs", "a ->> 'b'", []),
        ("integers", "a > 10", ["a > 11", "a > 9"]),
        ("integers", "a1 + 1.5 + 1e36", []),
        ("swaps", "greatest(a, least(b))", ["least(a, least(b))", "greatest(a, greatest(b))"]),
        ("swaps", "RETURN true;", ["RETURN false;"]),
        ("conditions", "a OR b AND c", ["b AND c", "a", "a OR c", "a OR b"]),
        ("conditions", "WHERE (a OR b) AND c ORDER BY d",
         ["WHERE (b) AND c ORDER BY d", "WHERE (a) AND c ORDER BY d", "WHERE c ORDER BY d",
          "WHERE (a OR b) ORDER BY d"]),
        ("conditions", "a BETWEEN 1 AND 2", []),
        ("filters", "SELECT FROM t WHERE a = (SELECT 1 LIMIT 1) AND b FOR UPDATE",
         ["SELECT FROM t FOR UPDATE"]),
        ("branches", "IF a OR b THEN c; END IF;",
         ["IF true THEN c; END IF;", "IF false THEN c; END IF;"]),
        ("branches", "CASE WHEN a THEN b ELSE c END",
         ["CASE WHEN true THEN b ELSE c END", "CASE WHEN false THEN b ELSE c END"]),
        ("branches", "CONTINUE WHEN a; EXCEPTION WHEN lock_not_available THEN NULL;",
         ["CONTINUE WHEN true; EXCEPTION WHEN lock_not_available THEN NULL;",
          "CONTINUE WHEN false; EXCEPTION WHEN lock_not_available THEN NULL;"]),
        ("negations", "NOT a AND b IS NOT NULL", ["a AND b IS NOT NULL", "NOT a AND b IS NULL"]),
        ("negations", "WITH a AS NOT MATERIALIZED (SELECT 1)", []),
        ("locks", "(SELECT FROM t FOR UPDATE OF t SKIP LOCKED) AS q",
         ["(SELECT FROM t ) AS q", "(SELECT FROM t FOR UPDATE OF t ) AS q"]),
        ("orders", "SELECT FROM t ORDER BY a DESC, b LIMIT 1",
         ["SELECT FROM t LIMIT 1", "SELECT FROM t ORDER BY a, b LIMIT 1"]),
        ("defaults", "coalesce(f(a, b), 0)", ["coalesce(f(a, b))"]),
        ("statements", "DECLARE a integer := 0; BEGIN a := 1; b[n] := 2; PERFORM f(a => 1); END",
         ["DECLARE a integer := 0; BEGIN NULL; b[n] := 2; PERFORM f(a => 1); END",
          "DECLARE a integer := 0; BEGIN a := 1; NULL; PERFORM f(a => 1); END",
          "DECLARE a integer := 0; BEGIN a := 1; b[n] := 2; NULL; END"]),
    ],
)  # fmt: skip
def test_operator(operator: str, body: str, expected: list[str]) -> None:
    assert changed(operator, body) == expected


def test_comments_and_strings_stay() -> None:
    body = """-- a < 1 AND NOT b, WHERE x FOR UPDATE
        /* PERFORM f(); a + 1 */ 'a < 1 AND true ORDER BY coalesce(b, -1)' "a = 1" """
    text = f"CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS $$ {body} $$;"
    assert list(mutate("subject", text)) == []


def test_mutants() -> None:
    mutants = sql_mutants()
    names = [mutant.name for mutant in mutants]
    assert len(set(names)) == len(names) > 1000
    texts = originals()
    assert len(texts) == sum(read_sql(s).count("CREATE OR REPLACE FUNCTION") for s in MONEY)
    assert all(mutant.text != texts[mutant.place] for mutant in mutants)


def test_order_is_a_function_of_the_seed() -> None:
    mutants = sql_mutants()
    assert sample(mutants, 7) == sample(mutants, 7) != sample(mutants, 8)


def test_explanations_are_not_stale() -> None:
    """Each mutant of the procedures in survivors.toml can still be made."""
    names = {mutant.name for mutant in sql_mutants()}
    known = {name for name in explained() if not name.startswith("core/")}
    assert known - names == set()
