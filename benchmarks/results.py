"""The files with results."""

import json
from pathlib import Path
from typing import Any

_LEVELS_COUNT = 5
"""Of the results, their scenarios, one scenario, its runs, one run."""


def write_results(results: dict[str, Any], path: Path) -> None:
    """Write results as JSON, each value of a run in one line."""
    path.write_text(_lines(_rounded(results), _LEVELS_COUNT) + "\n", encoding="utf-8")


def _lines(value: Any, levels_count: int, indentation: str = "\n") -> str:
    """A value as JSON. What is deeper than so many levels is in one line."""
    if not levels_count or not value or not isinstance(value, dict | list):
        return json.dumps(value)
    inner = indentation + " "
    if isinstance(value, list):
        items = [_lines(item, levels_count - 1, inner) for item in value]
        return f"[{inner}{f',{inner}'.join(items)}{indentation}]"
    items = [
        f"{json.dumps(key)}: {_lines(item, levels_count - 1, inner)}" for key, item in value.items()
    ]
    return f"{{{inner}{f',{inner}'.join(items)}{indentation}}}"


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
