"""A module that is loaded later is the same for those who use it."""

import subprocess
import sys

import pytest

from swpt_accounts.cli.late_modules import PYTHON_MAX

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] > PYTHON_MAX, reason="with this Python, all is loaded as ever"
)

BEGIN = """
import sys
from swpt_accounts.cli.late_modules import load_later
for name in ("asyncio", "importlib.metadata", "ctypes.util"):
    assert name not in sys.modules, f"{name} was there before"
load_later()
import psycopg
assert "asyncio.base_events" not in sys.modules
assert "email" not in sys.modules
assert "shutil" not in sys.modules
"""
USES = {
    "asyncio runs": """
import asyncio
async def main():
    queue = asyncio.Queue()
    async with asyncio.Lock():
        await asyncio.sleep(0)
        await asyncio.wait_for(queue.put(7), 5)
    return await queue.get()
assert asyncio.run(main()) == 7
""",
    "all names of asyncio": """
early = psycopg._acompat.ALock, psycopg.waiting.get_running_loop
from asyncio import *
import asyncio
assert (Lock, asyncio.get_running_loop) == early
assert run is asyncio.run is asyncio.runners.run
""",
    "threads load asyncio at once": """
import asyncio, threading
found = []
threads = [threading.Thread(target=lambda: found.append(asyncio.start_server)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(found) == 8 and len(set(found)) == 1
""",
    "asynchronous connections": """
import asyncio
async def main():
    try:
        await psycopg.AsyncConnection.connect("host=127.0.0.1 port=1 connect_timeout=2")
    except psycopg.OperationalError:
        return "refused"
assert asyncio.run(main()) == "refused"
""",
    "versions are the same": """
import importlib.metadata as metadata
early = metadata.version
names = "psycopg", "psycopg-binary", "Flask", "python-json-logger"
found = [early(name) for name in names]
assert found[0] == psycopg.__version__
assert [metadata.distribution(name).version for name in names] == found
assert metadata.version is not early
assert [metadata.version(name) for name in names] == found
""",
    "what is not installed": """
from importlib import metadata
try:
    metadata.version("not-installed")
except metadata.PackageNotFoundError:
    pass
else:
    raise AssertionError
""",
    "libraries are found": """
import ctypes.util
assert ctypes.util.find_library("c").startswith("libc.")
from ctypes.util import find_library
assert find_library is ctypes.util.find_library
""",
    "a name that is not there": """
import asyncio
assert not hasattr(asyncio, "nothing") and not hasattr(asyncio, "__nothing__")
assert type(asyncio) is type(sys)
""",
}


@pytest.mark.parametrize("use", USES)
def test_use(use: str) -> None:
    program = BEGIN + USES[use]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_loaded_stays_as_it_is() -> None:
    program = """
import asyncio, ctypes.util, importlib.metadata, sys
from swpt_accounts.cli.late_modules import load_later
before = dict(sys.modules)
load_later()
assert sys.modules == before
"""
    subprocess.run([sys.executable, "-c", program], check=True)
