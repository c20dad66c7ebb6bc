"""The list of all steps of the program, made from its code."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from agentkit.processes import ROOT

PACKAGE: Final = "swpt_accounts"
PACKAGES: Final = (
    *("inbox", "stages", "outbox", "scans", "peers", "broker", "dead_letters"),
    *("workers", "cli"),
)
"""All that does something. The others only read (`web`, `audit`), or know no server; `db` is what
the steps call."""

CONTEXTS: Final = frozenset({"batch", "transaction"})
"""Steps that begin with a block, and end with it."""

CALLBACKS: Final = frozenset({"basic_consume", "confirm_delivery", "add_on_return_callback"})
"""Steps that say what is to be called when something comes from the broker."""

STEPS: Final = frozenset(
    {
        # the database
        *("call", "call_value", "call_table", "probe", "execute", "_execute", "listen"),
        *CONTEXTS,
        # the broker: pika's names
        *("basic_ack", "basic_nack", "basic_reject", "basic_publish", "basic_get", "basic_cancel"),
        *("basic_qos", "queue_declare", "queue_bind", "queue_unbind", "queue_delete"),
        *("exchange_declare", "exchange_bind"),
        *CALLBACKS,
        # both
        *("connect", "connect_blocking", "SelectConnection"),
        # files
        *("writelines", "fsync"),
    }
)
"""The names of the functions that are steps. What reaches a server beside them is found when the
program runs: see `stepping.py`."""

_ALIASES: Final = frozenset({"declare"})
"""Steps only where they are called by this name alone: a variable that has one of the above."""

STEP_FUNCTION: Final = "__crash_point__"


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the code where a step is taken, or where something comes from the broker."""

    module: str
    function: str
    step: str
    subject: str
    """The constant that it is about, for instance the procedure; may be empty."""
    number: int
    """Which one of these in the function."""

    @property
    def is_callback(self) -> bool:
        return self.step.startswith(">")

    @property
    def phases(self) -> tuple[str, ...]:
        """The moments in which a worker can die here."""
        if self.step in CONTEXTS:
            return ("begin", "begun", "end", "ended")
        return ("before", "after")

    @property
    def key(self) -> str:
        number = f"#{self.number}" if self.number > 1 else ""
        subject = f" {self.subject}" if self.subject else ""
        return f"{self.module}:{self.function}:{self.step}{subject}{number}"


def _is_step(node: ast.Call) -> str | None:
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in STEPS:
            return name
        case ast.Name(id=name) if name in _ALIASES:
            return name
    return None


def _subject(node: ast.Call) -> str:
    match node.args:
        case [ast.Name(id=name), *_] if name.isupper():
            return name
        case [ast.Constant(value=str() as name), *_] if name.isidentifier():
            return name
    return ""


def _callback(step: str, node: ast.Call) -> str | None:
    """The name of the function that is handed over, if one is."""
    if step not in CALLBACKS:
        return None
    for argument in node.args:
        match argument:
            case ast.Attribute(attr=name) | ast.Name(id=name) if "on_" in name:
                return name
    return None


class _Marker(ast.NodeTransformer):
    """Finds the steps of a module, and wraps each of them into a call of `STEP_FUNCTION`."""

    def __init__(self, module: str) -> None:
        self.sites: list[Site] = []
        self._module = module
        self._scope: list[str] = []
        self._counts: Counter[tuple[str, ...]] = Counter()

    def _visit_scope(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()
        return node

    visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = _visit_scope

    def _add(self, step: str, subject: str = "") -> Site:
        place = (".".join(self._scope), step, subject)
        self._counts[place] += 1
        site = Site(self._module, *place, self._counts[place])
        self.sites.append(site)
        return site

    def visit_Call(self, node: ast.Call) -> ast.AST:
        step = _is_step(node)
        if step is None or not self._scope:
            return self.generic_visit(node)
        site = self._add(step, _subject(node))
        keys = [site.key]
        if callback := _callback(step, node):
            keys.append(self._add(f">{callback}").key)
        self.generic_visit(node)
        made = ast.Call(
            func=ast.Name(STEP_FUNCTION, ast.Load()),
            args=[
                ast.Tuple([ast.Constant(key) for key in keys], ast.Load()),
                node.func,
                *node.args,
            ],
            keywords=node.keywords,
        )
        return ast.copy_location(made, node)


def mark(source: str, module: str) -> tuple[ast.Module, list[Site]]:
    """A module whose steps call `STEP_FUNCTION(keys, function, arguments…)`, and its sites.

    `keys` has the key of the site and, if a callback is handed over, that of the callback.
    """
    marker = _Marker(module)
    tree = marker.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), marker.sites


def module_name(path: Path) -> str:
    """A file of the program, as sites call its module."""
    return ".".join(path.relative_to(ROOT / PACKAGE).with_suffix("").parts)


def _files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / PACKAGE / package).glob("**/*.py"))


@cache
def catalogue() -> dict[str, Site]:
    """All sites, by their keys."""
    sites = [site for path in _files() for site in mark(path.read_text(), module_name(path))[1]]
    return {site.key: site for site in sites}
