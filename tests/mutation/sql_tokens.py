"""The text of stored procedures as tokens, which joined are the text again."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<quote>\$\w*\$)
    | (?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    | (?P<word>[^\W\d]\w*|\$\d+)
    | (?P<sign><=|>=|<>|!=|:=|=>|::|\|\||->>|->|<<|>>|\.\.|[-+*/<>=(),;.\[\]&|^:%])
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_NAME = re.compile(r"CREATE OR REPLACE FUNCTION (\w+)\(")
_IGNORED: Final = {"space", "comment"}


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a text: its kind, and where it is in the text."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """In upper case, for comparisons with keywords; empty for what is in quotes."""
        return "" if self.kind == "string" else self.text.upper()


def tokenize(text: str) -> list[Token]:
    """Split a text. Raises `ValueError` where it is not understood."""
    tokens = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise ValueError(f"what is this? {text[position : position + 20]!r}")
        tokens.append(Token(found.lastgroup, found.group(), position))
        position = found.end()
    return tokens


def code(text: str) -> list[Token]:
    """The tokens without white space and comments."""
    return [token for token in tokenize(text) if token.kind not in _IGNORED]


@dataclass(frozen=True, slots=True)
class Function:
    """A `CREATE OR REPLACE FUNCTION` of the file `sql/<subject>.sql`.

    The tokens of its body have their places in `text`; the last one is the closing quote.
    """

    subject: str
    name: str
    text: str
    line: int
    body: list[Token]


def functions(subject: str, text: str) -> Iterator[Function]:
    """The functions of a file. Raises `ValueError` where a statement is another one."""
    start = None
    quotes: list[Token] = []
    for token in code(text):
        if start is None:
            start = token.start
        if token.kind == "quote":
            quotes.append(token)
        if token.text == ";" and len(quotes) % 2 == 0:
            yield _function(subject, text[start : token.end], text.count("\n", 0, start) + 1)
            start, quotes = None, []


def _function(subject: str, statement: str, line: int) -> Function:
    found = _NAME.match(statement)
    tokens = code(statement)
    quotes = [i for i, token in enumerate(tokens) if token.kind == "quote"]
    if found is None or len(quotes) != 2:
        raise ValueError(f"{subject}.sql:{line}: no function with a body in $$")
    return Function(subject, found.group(1), statement, line, tokens[quotes[0] + 1 : quotes[1] + 1])
