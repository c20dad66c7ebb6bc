"""What is done to the text of a stored procedure: one small change at a time.

An operator yields changes as `(start, end, new_text)`, places in the text of the tokens. Comments
and strings are no tokens that any of them looks into.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tests.mutation.sql_tokens import Token

Change = tuple[int, int, str]
Operator = Callable[[list[Token]], Iterator[Change]]

_COMPARISONS: Final = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "=": ("<>",),
    "<>": ("=",),
}
_SIGNS: Final = {"+": "-", "-": "+", "*": "/", "/": "*", "<<": ">>", ">>": "<<"}
_SWAPS: Final = {"GREATEST": "least", "LEAST": "greatest", "TRUE": "false", "FALSE": "true"}
_CLAUSES: Final = {
    *("GROUP", "ORDER", "LIMIT", "OFFSET", "FOR", "RETURNING", "UNION", "LOOP", "THEN", "ELSE"),
    *("END", "WHEN", ";", ",", "CROSS", "LEFT", "JOIN", "ON", "INTO", "AS", "USING", "WHERE"),
    *("SELECT", "IF", "WHILE", "RETURN", "SET", ":=", "CASE"),
}


def comparisons(tokens: list[Token]) -> Iterator[Change]:
    """The limit moves by one, or the comparison is turned around."""
    for i, token in enumerate(tokens):
        for other in _COMPARISONS.get(token.text, ()):
            yield token.start, token.end, other
        if token.word == "IS" and _words(tokens, i + 1, 2) == "DISTINCT FROM":
            yield token.end, token.end, " NOT"


def signs(tokens: list[Token]) -> Iterator[Change]:
    """Plus becomes minus, and so on."""
    for i, token in enumerate(tokens):
        is_star = token.text == "*" and not _is_operand(tokens, i - 1)
        if token.text in _SIGNS and not is_star:
            yield token.start, token.end, _SIGNS[token.text]


def integers(tokens: list[Token]) -> Iterator[Change]:
    """One more, and one less."""
    for token in tokens:
        if token.kind == "number" and token.text.isdigit():
            for step in (1, -1):
                yield token.start, token.end, str(int(token.text) + step)


def swaps(tokens: list[Token]) -> Iterator[Change]:
    """`greatest` for `least`, true for false, and the other way round."""
    for token in tokens:
        if token.word in _SWAPS:
            yield token.start, token.end, _SWAPS[token.word]


def conditions(tokens: list[Token]) -> Iterator[Change]:
    """One side of an AND, or of an OR, is dropped."""
    for i, token in enumerate(tokens):
        if token.word not in ("AND", "OR") or _is_between(tokens, i):
            continue
        stops = {"OR"} if token.word == "AND" else set()
        left = _start_of_operand(tokens, i, {"AND", *stops})
        right = _end_of_operand(tokens, i + 1, {token.word, *stops})
        if left == 0 or tokens[left - 1].word != token.word:
            yield tokens[left].start, tokens[i + 1].start, ""
        yield tokens[i - 1].end, tokens[right - 1].end, ""


def filters(tokens: list[Token]) -> Iterator[Change]:
    """A whole WHERE is dropped."""
    for i, token in enumerate(tokens):
        if token.word == "WHERE":
            end = _end_of_operand(tokens, i + 1, set())
            yield token.start, tokens[end - 1].end, ""


def branches(tokens: list[Token]) -> Iterator[Change]:
    """The condition of an IF or a WHEN always holds, or never."""
    for i, token in enumerate(tokens):
        if token.word in ("IF", "ELSIF", "WHEN") and tokens[i - 1].word not in ("END", "EXCEPTION"):
            end = _end_of_operand(tokens, i + 1, set())
            if tokens[end].word in ("THEN", ";"):
                for value in ("true", "false"):
                    yield tokens[i + 1].start, tokens[end - 1].end, value


def negations(tokens: list[Token]) -> Iterator[Change]:
    """A NOT is dropped."""
    for i, token in enumerate(tokens):
        if token.word == "NOT" and tokens[i + 1].word != "MATERIALIZED":
            yield token.start, tokens[i + 1].start, ""


def locks(tokens: list[Token]) -> Iterator[Change]:
    """Rows are not locked, or locked ones are waited for."""
    for i, token in enumerate(tokens):
        if token.word == "FOR" and tokens[i + 1].word in ("UPDATE", "SHARE", "NO", "KEY"):
            end = next(
                k for k in range(i, len(tokens)) if tokens[k].word in (")", "LOOP", ";", "$$")
            )
            yield token.start, tokens[end - 1].end, ""
        if _words(tokens, i, 2) == "SKIP LOCKED":
            yield token.start, tokens[i + 1].end, ""


def orders(tokens: list[Token]) -> Iterator[Change]:
    """An ORDER BY is dropped, or its direction."""
    for i, token in enumerate(tokens):
        if _words(tokens, i, 2) == "ORDER BY":
            end = i + 2
            while tokens[end].text == "," or tokens[end].word not in _CLAUSES | {")", "$$"}:
                end += 1
            yield token.start, tokens[end - 1].end, ""
        if token.word == "DESC":
            yield tokens[i - 1].end, token.end, ""


def defaults(tokens: list[Token]) -> Iterator[Change]:
    """Of `coalesce` only the first argument is left."""
    for i, token in enumerate(tokens):
        if token.word == "COALESCE":
            comma = _end_of_operand(tokens, i + 2, set())
            end = _closing(tokens, i + 1)
            yield tokens[comma].start, tokens[end].start, ""


def statements(tokens: list[Token]) -> Iterator[Change]:
    """An assignment, or a PERFORM, is dropped."""
    for i, token in enumerate(tokens):
        is_first = i == 0 or tokens[i - 1].word in (";", "THEN", "ELSE", "LOOP", "BEGIN")
        if is_first and (token.word == "PERFORM" or _is_assignment(tokens, i)):
            end = next(k for k in range(i, len(tokens)) if tokens[k].text == ";")
            yield token.start, tokens[end].end, "NULL;"


OPERATORS: Final[dict[str, Operator]] = {
    operator.__name__: operator
    for operator in (
        *(comparisons, signs, integers, swaps, conditions, filters, branches),
        *(negations, locks, orders, defaults, statements),
    )
}


def _words(tokens: list[Token], start: int, count: int) -> str:
    return " ".join(token.word for token in tokens[start : start + count])


def _is_operand(tokens: list[Token], i: int) -> bool:
    """Whether a value ends here, so that an operator may follow."""
    token = tokens[i]
    return token.text == ")" or (
        token.kind in ("word", "number", "string") and token.word not in ("SELECT", "ON")
    )


def _is_assignment(tokens: list[Token], i: int) -> bool:
    """Of a variable or an element of an array; the declared ones are no statements."""
    if (
        tokens[i].kind != "word"
        or i + 1 == len(tokens)
        or "BEGIN" not in [token.word for token in tokens[:i]]
    ):
        return False
    k = i + 1
    if tokens[k].text == "[":
        k = next(n for n in range(k, len(tokens)) if tokens[n].text == "]") + 1
    return tokens[k].text == ":="


def _is_between(tokens: list[Token], i: int) -> bool:
    return any(token.word == "BETWEEN" for token in tokens[max(i - 3, 0) : i])


def _closing(tokens: list[Token], i: int) -> int:
    """Where the bracket ends that begins here."""
    depth = 0
    for k in range(i, len(tokens)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(tokens[k].text, 0)
        if depth == 0:
            return k
    raise ValueError("a bracket without an end")


def _is_stop(tokens: list[Token], i: int, words: set[str]) -> bool:
    word = tokens[i].word
    if tokens[i].kind == "quote":
        return True
    if word == "FROM":
        return tokens[i - 1].word != "DISTINCT"
    return word in words or word in _CLAUSES or word in (")", "]")


def _end_of_operand(tokens: list[Token], i: int, words: set[str]) -> int:
    """The first token after the expression that starts here."""
    while True:
        if tokens[i].word == "CASE":
            i = _end_of_case(tokens, i)
        elif tokens[i].text in ("(", "["):
            i = _closing(tokens, i)
        elif _is_stop(tokens, i, words):
            return i
        i += 1


def _end_of_case(tokens: list[Token], i: int) -> int:
    depth = 0
    while True:
        depth += {"CASE": 1, "END": -1}.get(tokens[i].word, 0)
        if depth == 0:
            return i
        i += 1


def _start_of_operand(tokens: list[Token], i: int, words: set[str]) -> int:
    """The first token of the expression that ends before this token."""
    depth = 0
    while i > 0:
        token = tokens[i - 1]
        depth += {")": 1, "]": 1, "(": -1, "[": -1}.get(token.text, 0)
        if depth < 0 or (depth == 0 and token.text != ")" and _is_stop(tokens, i - 1, words)):
            return i
        i -= 1
    return i
