"""What people paste."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.id_notation import PastedIds, parse, spellings
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64

U = 2**64 - 2


@pytest.mark.parametrize(
    ("text", "kind", "ids"),
    [
        ("5", "number", (5,)),
        (f"{U}", "number", (-2,)),
        ("0xfffffffffffffffe", "number", (-2,)),
        ("swpt:5", "debtor", (5,)),
        (f"SWPT:{U}/7", "account", (-2, 7)),
        ("<swpt:5/!LTI=>", "account", (5, -2)),
        ("swpt:5/!NTY", "account", (5, 56)),
        ("swpt%3A5%2F7", "account", (5, 7)),
        ("https://a.example/base/accounts/5/7/config?x=1#y", "account", (5, 7)),
        ("https://a.example/creditors/7/accounts/5/", "account", (5, 7)),
        ("/creditors/7/accounts/5/config", "account", (5, 7)),
        (f"https://a.example/debtors/{U}/transfers/x-y", "debtor", (-2,)),
        ("5 / 7", "account", (5, 7)),
        ("(5,\u202f-7)", "account", (5, -7)),
        ("account 5/7".removeprefix("account "), "account", (5, 7)),
        ("5/7/9", "transfer", (5, 7, 9)),
        ("5: 7: 9", "transfer", (5, 7, 9)),
    ],
)
def test_it_means(text: str, kind: str, ids: tuple[int, ...]) -> None:
    assert parse(text) == PastedIds(kind, ids)


@pytest.mark.parametrize("text", ["direct 5 7", "direct/5/7", "direct, 5, 7"])
def test_a_coordinators_request(text: str) -> None:
    assert parse(text) == PastedIds("request", (5, 7), "direct")


@pytest.mark.parametrize(
    "text", ["", " ", "x", "1/2/3/4", "swpt:", "swpt:x/1", "swpt:1/!?", "swpt:1/!w6k=", "1" * 41]
)
def test_it_means_nothing(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=600))
def test_any_text_means_something_or_nothing(text: str) -> None:
    meant = parse(text)
    assert meant is None or all(MIN_INT64 <= n <= MAX_INT64 for n in meant.ids)


@given(st.integers(MIN_INT64, MAX_INT64), st.integers(MIN_INT64, MAX_INT64))
def test_each_spelling_means_the_same(a: int, b: int) -> None:
    for x, y in zip(spellings(a), spellings(b), strict=True):
        assert parse(f"{x}/{y}") == PastedIds("account", (a, b))
        assert parse(f"swpt:{x}/{y}") == PastedIds("account", (a, b))
