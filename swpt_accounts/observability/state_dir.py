"""The folder in which the processes of a container leave what they say about themselves.

Each process has a slot: a number that no other living process has. Files are named by slots, so
there are never more than the most processes that ran at once; and a counter goes on where the
process that had the slot before has left it.
"""

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

SLOTS_COUNT_MAX: Final = 4096
# The slots of this process, with its id: forked children have them no more. To open and close such
# a file would end the lock, which belongs to the process, and not to the descriptor.
_own: Final[dict[Path, tuple[int, int]]] = {}


class UnusableStateDir(OSError):
    """The folder cannot be used. One line for the operator."""


def open_folder(state_dir: str, name: str) -> Path:
    """A folder in the state directory; both are made if they are missing.

    Raises `UnusableStateDir`, also where somebody else could have put files there.
    """
    path = Path(state_dir)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UnusableStateDir(
                f"STATE_DIR {state_dir!r} belongs to another user, or others may write to it"
            )
        folder = path / name
        folder.mkdir(mode=0o700, exist_ok=True)
    except UnusableStateDir:
        raise
    except OSError as error:
        raise UnusableStateDir(f"STATE_DIR {state_dir!r} cannot be used: {error}") from error
    return folder


class Slot:
    """A number that is held until the process ends, however it ends."""

    def __init__(self, number: int, path: Path, fd: int) -> None:
        self.number = number
        self.path = path
        self.fd = fd

    def release(self) -> None:
        if _own.pop(self.path, None) is not None:
            os.close(self.fd)


def take_slot(folder: Path) -> Slot:
    """The lowest slot that is free. Raises `UnusableStateDir`."""
    for number in range(SLOTS_COUNT_MAX):
        path = folder / str(number)
        if _own_fd(path) is not None:
            continue
        if (fd := _lock(path)) is not None:
            _own[path] = os.getpid(), fd
            return Slot(number, path, fd)
    raise UnusableStateDir(f"{SLOTS_COUNT_MAX} processes use {str(folder)!r}")


def _own_fd(path: Path) -> int | None:
    """The descriptor with which this process holds a slot, if it does."""
    pid, fd = _own.get(path, (0, 0))
    return fd if pid == os.getpid() else None


def read_slot(path: Path, bytes_count: int, at: int = 0) -> bytes:
    """A part of the file of a slot. Raises `OSError`."""
    if (own_fd := _own_fd(path)) is not None:
        return os.pread(own_fd, bytes_count, at)
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), bytes_count, at)


def is_held(path: Path) -> bool:
    """Whether a living process has the slot of this file."""
    if _own_fd(path) is not None:
        return True
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        # a shared one, for several may ask at the same time
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _lock(path: Path) -> int | None:
    """Lock a file, which is made if it is missing. None if another process has locked it.

    Such a lock is not inherited by a fork, and ends with the process.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UnusableStateDir(f"{str(path)!r} cannot be opened: {error}") from error
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError as error:
        os.close(fd)
        raise UnusableStateDir(f"{str(path)!r} cannot be locked: {error}") from error
    return fd
