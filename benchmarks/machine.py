"""On what the results were measured."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.addresses import Addresses


def describe_machine(addresses: Addresses) -> dict[str, str | int]:
    """The machine and the versions of what runs on it."""
    with addresses.connect() as connection:
        row = connection.execute("SHOW server_version").fetchone()
        commit = connection.execute("SHOW synchronous_commit").fetchone()
    assert row is not None
    assert commit is not None
    overview = addresses.manage("GET", "overview")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _first_match(r"^model name\s*: (.+)$", Path("/proc/cpuinfo")),
        "cores": os.cpu_count() or 0,
        "memory_mib": int(_first_match(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo")) or 0) // 1024,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": row[0],
        "synchronous_commit": commit[0],
        "rabbitmq": overview["rabbitmq_version"],
        "load_average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _first_match(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    return found[1] if found else ""
