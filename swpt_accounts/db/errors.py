"""What the errors of the database mean: who is to blame, and how they are said in one line."""

import re
from typing import Final

import psycopg

_TEXT_LENGTH_MAX: Final = 500
# libpq asks, where it cannot connect.
_QUESTION: Final = re.compile(r"\s*Is the server running\b[^?]*\?")
_DIGITS: Final = re.compile("[0-9]+")

# The classes of SQLSTATE that a value can cause: data exceptions, and constraints.
_CLASSES_OF_VALUES: Final = ("22", "23")
# But not these. The stored procedures never insert a key twice, there are no foreign keys and no
# exclusion constraints: a sequence, an index, or a constraint of somebody else is to blame.
_NOT_OF_VALUES: Final = frozenset({"23001", "23503", "23505", "23P01"})


class ProceduresNotInstalled(psycopg.OperationalError):
    """The database is not migrated, or not to this version. That may pass."""


class UnsuitableDatabase(psycopg.OperationalError):
    """The program cannot work with this database, or not by this way: nothing but an operator
    changes that.
    """


class ShardClosedError(psycopg.OperationalError):
    """The shard is being split, and others work for it, or it waits for its turn."""


def may_be_of_values(error: psycopg.Error) -> bool:
    """Whether the values of a call may have caused an error. Others are of the server, a right, a
    setting, an upgrade or a lock, for which no value is to blame.
    """
    if error.sqlstate is None:
        # psycopg itself cannot send a value
        return isinstance(error, psycopg.DataError)
    return error.sqlstate.startswith(_CLASSES_OF_VALUES) and error.sqlstate not in _NOT_OF_VALUES


def one_line(error: BaseException) -> str:
    """What an error says, in one line of bounded length; with its SQLSTATE, if it has one."""
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    text = error.diag.message_primary if isinstance(error, psycopg.Error) else _cause(error)
    text = _QUESTION.sub("", text or str(error) or repr(error))
    line = " ".join(text.split())[:_TEXT_LENGTH_MAX].rstrip(".")
    return f"{line} (SQLSTATE {sqlstate})" if sqlstate else line


def innermost(error: BaseException) -> BaseException:
    """The cause: pika wraps the errors of sockets, and its texts are their representations."""
    while type(error).__module__.startswith("pika."):
        tried = getattr(error, "exceptions", ())  # one for each address of the host
        causes = (error.__cause__, getattr(error, "exception", None), *tried, *error.args)
        inner = next((cause for cause in causes if isinstance(cause, BaseException)), None)
        if inner is None:
            break
        error = inner
    return error


def _cause(error: BaseException) -> str:
    error = innermost(error)
    text = getattr(error, "reply_text", None) or getattr(error, "strerror", None) or str(error)
    return str(text or type(error).__name__)


def kind_of(error: BaseException) -> str:
    """Errors of one kind have one cause, most likely."""
    sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
    if sqlstate:
        return sqlstate
    # of a connection that fails there is only a text, which ends with the cause
    return f"{type(error).__name__}: {_DIGITS.sub('', one_line(error)).rsplit(': ', 1)[-1]}"
