"""Runs in the worker: counts its steps, and ends the process at the chosen one.

`install` must be called before the program is imported: it lets the calls that are steps (see
`catalogue.py`) go through `_step`. What they do stays the same.
"""

import builtins
import re
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, Final
from unittest.mock import patch

from verification.crash_points.catalogue import (
    CONTEXTS,
    PACKAGE,
    PACKAGES,
    STEP_FUNCTION,
    mark,
    module_name,
)
from verification.crash_points.control import Control, Crossing

_TABLE: Final = re.compile(rb"(?:FROM|INTO|UPDATE)\s+\"?(\w+)")


class _Here(threading.local):
    """What this thread is doing."""

    step: tuple[str, tuple[str, ...]] | None = None
    """The step that it is taking: its key, and what it is about."""
    is_sent = False
    is_closing = False
    matters: dict[str, None]
    """What its steps were about since the last block has begun, but for mere questions."""

    def __init__(self) -> None:
        self.matters = {}


_here = _Here()
_control: Control | None = None
# Steps that do something; and those that are about what was done before them.
_DOING: Final = frozenset({"call", "post", "call_value", "basic_publish"})
_CONCLUDING: Final = frozenset({"basic_ack", "basic_nack"})


def obey(control: Control) -> None:
    """Let this process be told where to die."""
    global _control
    _control = control


def _cross(key: str, phase: str, subjects: Iterable[str] = ()) -> None:
    if _control is not None:
        _control.cross(Crossing(key, phase, tuple(subjects) or ("",)))


def _name_of(value: Any) -> str:
    """What a call is about, by its first argument that says so."""
    if hasattr(value, "numbered_statement"):
        return str(value.name)
    if hasattr(value, "delivery_mode"):
        return str(value.type or "")
    if isinstance(value, bytes) and (found := _TABLE.search(value)):
        return found[1].decode()
    return ""


def _subject(arguments: Sequence[Any]) -> tuple[str, ...]:
    return tuple(filter(None, map(_name_of, arguments)))[:1]


def _step(keys: tuple[str, ...], function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    key, *callback_keys = keys
    name = function.__name__
    subjects = _subject(args)
    if callback_keys:
        args = tuple(_wrap_callback(callback_keys[0], a) if callable(a) else a for a in args)
    if name in CONTEXTS:
        return _Block(key, function(*args, **kwargs))
    if name in _DOING:
        _here.matters.update(dict.fromkeys(subjects))
    elif name in _CONCLUDING:
        subjects = tuple(_here.matters)
    _cross(key, "before", subjects)
    result = _take(key, subjects, function, *args, **kwargs)
    _cross(key, "after", subjects)
    if name in _CONCLUDING:
        _here.matters.clear()
    return result


def _take(
    key: str, subjects: tuple[str, ...], function: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    outer = _here.step
    _here.step, _here.is_sent = (key, subjects), False
    try:
        return function(*args, **kwargs)
    finally:
        _here.step = outer


def _note_sent() -> None:
    """All bytes of a step have left, and nobody has read the answer."""
    if _here.step is not None and not _here.is_sent:
        _here.is_sent = True
        key, subjects = _here.step
        _cross(key, "sent", subjects)


def _wrap_callback(key: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any) -> Any:
        # a confirm does not say of what it is
        subjects = _subject(args) or tuple(_here.matters)
        _cross(key, "before", subjects)
        result = function(*args)
        _cross(key, "after", subjects)
        return result

    return called


class _Block:
    """The context of a transaction, or of a batch."""

    def __init__(self, key: str, context: Any) -> None:
        self._key = key
        self._context = context

    def __enter__(self) -> Any:
        _cross(self._key, "begin")
        _here.matters.clear()
        entered = self._context.__enter__()
        _cross(self._key, "begun")
        return entered

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        subjects = tuple(_here.matters)
        _cross(self._key, "end", subjects)
        result = _take(self._key, subjects, self._context.__exit__, kind, error, traceback)
        _cross(self._key, "ended", subjects)
        return result


class _MarkedLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = Path(self.get_filename(fullname))
        tree, _ = mark(path.read_text(), module_name(path))
        return compile(tree, str(path), "exec", dont_inherit=True)


class _Finder:
    """Finds the modules of the program that have steps."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(tuple(f"{PACKAGE}.{package}." for package in PACKAGES)):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            loader: Loader = _MarkedLoader(spec.loader.name, spec.loader.path)
            spec.loader = loader
        return spec


def install() -> None:
    """Let the program that is imported from now on take its steps through here."""
    assert not any(name.startswith(f"{PACKAGE}.inbox") for name in sys.modules)
    setattr(builtins, STEP_FUNCTION, _step)
    sys.meta_path.insert(0, _Finder())
    _watch_database()
    _watch_broker()


# -- what reaches the servers -----------------------------------------------------------------


def _note_stray(what: str) -> None:
    """Something went to a server outside of all steps: the catalogue would not be complete."""
    if _here.step is None and _control is not None:
        _control.note(f"? {what}")


def _watch_database() -> None:
    import psycopg
    from psycopg import waiting

    wait, execute = waiting.wait, psycopg.Cursor.execute

    def watched_wait(generator: Any, *args: Any, **kwargs: Any) -> Any:
        return wait(_watch(generator) if _here.step else generator, *args, **kwargs)

    def watched_execute(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        _note_stray(f"statement {statement!r}")
        return execute(self, statement, *args, **kwargs)

    patch.object(waiting, "wait", watched_wait).start()
    patch.object(psycopg.Cursor, "execute", watched_execute).start()


def _watch(generator: Any) -> Any:
    """The same generator; a wait to read alone says that everything has been sent."""
    from psycopg.waiting import WAIT_R

    try:
        wanted = next(generator)
        while True:
            if wanted == WAIT_R:
                _note_sent()
            wanted = generator.send((yield wanted))
    except StopIteration as end:
        return end.value


def _watch_broker() -> None:
    from pika.adapters.blocking_connection import BlockingChannel
    from pika.channel import Channel

    send, flush = Channel._send_method, BlockingChannel._flush_output
    close = BlockingChannel.close

    def watched_send(self: Any, method: Any, content: Any = None) -> Any:
        # The library opens and closes channels, and gives back with them what is unfinished.
        if not method.NAME.startswith("Channel.") and not _here.is_closing:
            _note_stray(f"frame {method.NAME}")
        return send(self, method, content)

    def watched_close(self: Any, *args: Any, **kwargs: Any) -> Any:
        _here.is_closing = True
        try:
            return close(self, *args, **kwargs)
        finally:
            _here.is_closing = False

    def watched_flush(self: Any, *waiters: Any) -> None:
        if waiters and _here.step is not None:
            flush(self)
            _note_sent()
        flush(self, *waiters)

    Channel._send_method = watched_send
    BlockingChannel._flush_output = watched_flush
    BlockingChannel.close = watched_close
