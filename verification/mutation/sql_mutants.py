"""The mutants of the stored procedures: one small change of a function's body at a time.

No library knows PL/pgSQL. An operator yields changes as `(start, end, new_text)`, by the tokens of
the body; comments and strings have none that any of them looks into.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from swpt_accounts.db.installer import SUBJECTS, read_sql
from verification.mutation.mutants import Mutant, number, shown

MONEY = (
    *("money", "ids", "accounts", "currencies", "configuration", "recipient_verification"),
    *("preparation", "finalization", "balance_changes", "chores", "scans"),
)
"""The subjects of which mutants are made: what is done with money, and what removes rows."""

_FUNCTION: Final = re.compile(
    r"CREATE OR REPLACE FUNCTION (\w+)\(.*?\$\$(?P<body>.*?\$\$)[^;]*;", re.DOTALL
)
_HIDDEN: Final = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL
)
_TOKEN: Final = re.compile(
    r"\$\$|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\w+|\$\d+|<=|>=|<>|:=|=>|::|\|\||->>|->|<<|>>|\.\.|\S",
    re.IGNORECASE,
)
_REPLACED: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "comparisons": {
        "<": ("<=", ">="),
        "<=": ("<", ">"),
        ">": (">=", "<="),
        ">=": (">", "<"),
        "=": ("<>",),
        "<>": ("=",),
    },
    "signs": {
        "+": ("-",),
        "-": ("+",),
        "*": ("/",),
        "/": ("*",),
        "<<": (">>",),
        ">>": ("<<",),
    },
    "swaps": {
        "GREATEST": ("least",),
        "LEAST": ("greatest",),
        "TRUE": ("false",),
        "FALSE": ("true",),
    },
}
_CLAUSES: Final = {
    *("GROUP", "ORDER", "LIMIT", "OFFSET", "FOR", "RETURNING", "UNION", "LOOP", "THEN", "ELSE"),
    *("END", "WHEN", ";", ",", "CROSS", "LEFT", "JOIN", "ON", "INTO", "AS", "USING", "WHERE"),
    *("SELECT", "IF", "WHILE", "RETURN", "SET", ":=", "CASE", ")", "]", "$$"),
}
_DEPTHS: Final = {"(": 1, "[": 1, ")": -1, "]": -1}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a sign, in upper case, and where it is."""

    word: str
    start: int
    end: int


Change = tuple[int, int, str]
Operator = Callable[[list[Token]], Iterator[Change]]


def tokens_of(text: str, start: int, end: int) -> list[Token]:
    """The tokens of a part of a text. A string counts as a word."""

    def hide(found: re.Match[str]) -> str:
        return (" " if found["comment"] else "s") * len(found[0])

    hidden = _HIDDEN.sub(hide, text)
    return [Token(m[0].upper(), *m.span()) for m in _TOKEN.finditer(hidden, start, end)]


def _replace(tokens: list[Token], words: dict[str, tuple[str, ...]]) -> Iterator[Change]:
    for i, token in enumerate(tokens):
        is_all = token.word == "*" and not _is_operand(tokens[i - 1])
        for other in () if is_all else words.get(token.word, ()):
            yield token.start, token.end, other


def _is_operand(token: Token) -> bool:
    """Whether a value ends here, so that an operator may follow."""
    return token.word not in ("SELECT", "ON") and (token.word[0].isalnum() or token.word == ")")


def distinctions(tokens: list[Token]) -> Iterator[Change]:
    """IS DISTINCT FROM is turned around."""
    for i, token in enumerate(tokens):
        if _words(tokens, i, 3) == "IS DISTINCT FROM":
            yield token.end, token.end, " NOT"


def integers(tokens: list[Token]) -> Iterator[Change]:
    """One more, and one less."""
    for token in tokens:
        if token.word.isdigit():
            for step in (1, -1):
                yield token.start, token.end, str(int(token.word) + step)


def conditions(tokens: list[Token]) -> Iterator[Change]:
    """One side of an AND, or of an OR, is dropped."""
    for i, token in enumerate(tokens):
        is_between = any(t.word == "BETWEEN" for t in tokens[max(i - 3, 0) : i])
        if token.word not in ("AND", "OR") or is_between:
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
            yield token.start, tokens[_end_of_operand(tokens, i + 1) - 1].end, ""


def branches(tokens: list[Token]) -> Iterator[Change]:
    """The condition of an IF or a WHEN always holds, or never."""
    for i, token in enumerate(tokens):
        if token.word in ("IF", "ELSIF", "WHEN") and tokens[i - 1].word not in ("END", "EXCEPTION"):
            end = _end_of_operand(tokens, i + 1)
            for value in ("true", "false") if tokens[end].word in ("THEN", ";") else ():
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
            yield token.start, tokens[_next(tokens, i, {")", "LOOP", ";", "$$"}) - 1].end, ""
        if _words(tokens, i, 2) == "SKIP LOCKED":
            yield token.start, tokens[i + 1].end, ""


def orders(tokens: list[Token]) -> Iterator[Change]:
    """An ORDER BY is dropped, or its direction."""
    for i, token in enumerate(tokens):
        if _words(tokens, i, 2) == "ORDER BY":
            end = _next(tokens, i + 2, _CLAUSES - {",", "]"})
            yield token.start, tokens[end - 1].end, ""
        if token.word == "DESC":
            yield tokens[i - 1].end, token.end, ""


def defaults(tokens: list[Token]) -> Iterator[Change]:
    """Of `coalesce` only the first argument is left."""
    for i, token in enumerate(tokens):
        if token.word == "COALESCE":
            comma = _end_of_operand(tokens, i + 2)
            yield tokens[comma].start, tokens[_closing(tokens, i + 1)].start, ""


def statements(tokens: list[Token]) -> Iterator[Change]:
    """An assignment, or a PERFORM, is dropped; what is declared stays."""
    begin = next((i for i, t in enumerate(tokens) if t.word == "BEGIN"), len(tokens))
    for i, token in enumerate(tokens):
        is_first = i == 0 or tokens[i - 1].word in (";", "THEN", "ELSE", "LOOP", "BEGIN")
        if not is_first or i == len(tokens) - 1:
            continue
        k = _next(tokens, i, {"]"}) + 1 if tokens[i + 1].word == "[" else i + 1
        if token.word == "PERFORM" or (i > begin and tokens[k].word == ":="):
            yield token.start, tokens[_next(tokens, i, {";"})].end, "NULL;"


_OTHERS: Final[tuple[Operator, ...]] = (
    *(integers, conditions, filters, branches, negations, locks, orders, defaults, statements),
)


def changes_of(tokens: list[Token]) -> Iterator[tuple[str, Change]]:
    """All changes, with the names of their operators."""
    for name, words in _REPLACED.items():
        yield from ((name, change) for change in _replace(tokens, words))
    yield from (("comparisons", change) for change in distinctions(tokens))
    for operator in _OTHERS:
        yield from ((operator.__name__, change) for change in operator(tokens))


def _words(tokens: list[Token], start: int, count: int) -> str:
    return " ".join(token.word for token in tokens[start : start + count])


def _next(tokens: list[Token], i: int, words: set[str]) -> int:
    """The first of these tokens, from here on."""
    return next(k for k in range(i, len(tokens)) if tokens[k].word in words)


def _closing(tokens: list[Token], i: int) -> int:
    """Where the bracket, or the CASE, ends that begins here."""
    depths = {"CASE": 1, "END": -1} if tokens[i].word == "CASE" else _DEPTHS
    depth = 0
    for k in range(i, len(tokens)):
        depth += depths.get(tokens[k].word, 0)
        if depth == 0:
            return k
    raise ValueError("a bracket without an end")


def _is_stop(tokens: list[Token], i: int, words: Collection[str]) -> bool:
    word = tokens[i].word
    if word == "FROM":
        return tokens[i - 1].word != "DISTINCT"
    return word in words or word in _CLAUSES


def _end_of_operand(tokens: list[Token], i: int, words: Collection[str] = ()) -> int:
    """The first token after the expression that starts here."""
    while True:
        if tokens[i].word in ("CASE", "(", "["):
            i = _closing(tokens, i)
        elif _is_stop(tokens, i, words):
            return i
        i += 1


def _start_of_operand(tokens: list[Token], i: int, words: set[str]) -> int:
    """The first token of the expression that ends before this token."""
    depth = 0
    while i > 0:
        word = tokens[i - 1].word
        depth -= _DEPTHS.get(word, 0)
        if depth < 0 or (depth == 0 and word != "(" and _is_stop(tokens, i - 1, words)):
            return i
        i -= 1
    return i


def mutate(subject: str, text: str) -> Iterator[Mutant]:
    """The mutants of all functions in the text of a file."""
    for found in _FUNCTION.finditer(text):
        original, place = found[0], f"{subject}.sql/{found[1]}"
        line = text.count("\n", 0, found.start()) + 1
        start, end = (n - found.start() for n in found.span("body"))
        for operator, (a, b, new) in changes_of(tokens_of(original, start, end)):
            yield Mutant(
                kind="sql",
                place=place,
                line=line + original.count("\n", 0, a),
                operator=operator,
                change=shown(original, a, b, new),
                text=original[:a] + new + original[b:],
            )


def sql_mutants() -> list[Mutant]:
    """All of them, subject by subject."""
    assert set(MONEY) <= set(SUBJECTS)
    return number(mutant for subject in MONEY for mutant in mutate(subject, read_sql(subject)))


def originals() -> dict[str, str]:
    """The texts of all functions of which mutants are made, by their places."""
    return {
        f"{subject}.sql/{found[1]}": found[0]
        for subject in MONEY
        for found in _FUNCTION.finditer(read_sql(subject))
    }
