"""The statements that make our tables and procedures: those of `flask db upgrade`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from swpt_accounts.db.operator_session import PreconditionFailed

_ROOT: Final = Path(__file__).parents[2]
_SECONDS_MAX: Final = 120


def make_script() -> str:
    """All migrations, and the procedures, to be run in a transaction. Raises `PreconditionFailed`.

    A process of its own writes them: it needs a framework, whose memory is then free again.
    """
    made = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "swpt_accounts", "db", "upgrade", "--sql"],
        cwd=_ROOT,
        env={**os.environ, "APP_LOG_LEVEL": "error", "APP_LOG_FORMAT": "text"},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    if made.returncode != 0:
        raise PreconditionFailed(f"flask db upgrade --sql: {made.stderr.strip()[-500:]}")
    script = made.stdout.strip()
    begin, end = "BEGIN;", "COMMIT;"
    if not (script.startswith(begin) and script.endswith(end)):
        raise PreconditionFailed(f"flask db upgrade --sql has written {script[:200]!r}")
    return script.removeprefix(begin).removesuffix(end)
