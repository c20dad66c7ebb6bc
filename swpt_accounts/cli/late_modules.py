"""Modules of Python that a library imports as a whole, and of which most processes use very little.

psycopg imports `asyncio` (with all that is for networks and TLS) for a lock and a queue,
`importlib.metadata` (with parsers of e-mail and of ZIP archives) for its own version, and
`ctypes.util` (with compression and temporary files) to find a library that it brings itself. A
worker would keep four megabytes of that, and load it at each start.

Here, such a module is loaded when anything else is asked of it. From then on it is what it would
have been from the beginning.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import MappingProxyType, ModuleType
from typing import Any, Final

PYTHON_MAX: Final = (3, 13)

_lock: Final = RLock()
_loading: Final[set[str]] = set()


def load_later() -> None:
    """Let these modules be loaded later, where they are not loaded yet.

    With a Python with which that was not tried, they are loaded as ever.
    """
    if sys.version_info[:2] > PYTHON_MAX:
        return
    for name in _FINDERS:
        if name not in sys.modules and (spec := find_spec(name)) is not None:
            module = module_from_spec(spec)
            module.__class__ = _LateModule
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, module)


class _LateModule(ModuleType):
    """A module that is not loaded yet. While it is, it has only what it has got already."""

    def __getattr__(self, name: str) -> Any:
        with _lock:
            if type(self) is _LateModule:
                is_of_import = name.startswith("__") and name != "__all__"
                if is_of_import or self.__name__ in _loading:
                    raise AttributeError(name)
                found = _FINDERS[self.__name__](name)
                if found is not None:
                    return found
                _load(self)
        return getattr(self, name)


def _load(module: ModuleType) -> None:
    """Run the code of the module, which is an ordinary one then."""
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    _loading.add(module.__name__)
    try:
        module.__spec__.loader.exec_module(module)
        module.__class__ = ModuleType
    finally:
        _loading.discard(module.__name__)


# The parts that psycopg needs.
_PARTS: Final = ("exceptions", "events", "futures", "locks", "queues", "tasks")


def _find_in_asyncio(name: str) -> Any:
    if find_spec(f"asyncio.{name}") is not None:
        return import_module(f"asyncio.{name}")  # which the parts ask for, too
    parts = (import_module(f"asyncio.{part}") for part in _PARTS)
    return next((getattr(part, name) for part in parts if name in part.__all__), None)


def _find_in_metadata(name: str) -> Any:
    return _version if name == "version" else None


def _version(name: str) -> str:
    """The version of an installed package: the name of the folder that describes it has it."""
    prefix, suffix = f"{name.replace('-', '_')}-", ".dist-info"
    for path in filter(os.path.isdir, sys.path):
        for folder in os.listdir(path):
            if folder.startswith(prefix) and folder.endswith(suffix):
                return folder[len(prefix) : -len(suffix)]
    metadata: Any = sys.modules["importlib.metadata"]
    _ = metadata.distribution  # which loads it
    version: str = metadata.version(name)
    return version


def _find_nothing(_name: str) -> Any:
    return None


_FINDERS: Final = MappingProxyType(
    {
        "asyncio": _find_in_asyncio,
        "importlib.metadata": _find_in_metadata,
        "ctypes.util": _find_nothing,
    }
)
