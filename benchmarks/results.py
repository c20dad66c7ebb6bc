"""The files with results."""

import json
import re
from pathlib import Path
from typing import Any

# A line break never stands within a string.
_PLAIN_LIST = re.compile(r"\[\n\s*([^\[\]{}\"]*?)\n\s*\]")


def write_results(results: dict[str, Any], path: Path) -> None:
    """Write results as JSON, each list of numbers in one line."""
    text = json.dumps(_rounded(results), indent=1)
    text = _PLAIN_LIST.sub(lambda match: "[" + " ".join(match[1].split()) + "]", text)
    path.write_text(text + "\n", encoding="utf-8")


def read_results(path: Path) -> dict[str, Any]:
    """Read results."""
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def combine(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new results, and what the old ones have of scenarios that were not measured anew.

    The memory is that at the end of all scenarios: of each process what was more.
    """
    if old["scenarios"].keys() <= new["scenarios"].keys():
        return new
    memory = dict(new["memory"])
    for name, sizes in old["memory"].items():
        if name not in memory or memory[name]["peak"] < sizes["peak"]:
            memory[name] = sizes
    return {**new, "memory": memory, "scenarios": {**old["scenarios"], **new["scenarios"]}}


def _rounded(value: Any) -> Any:
    """The same, but with six significant digits: more of them say nothing."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
