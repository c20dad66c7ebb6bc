"""`python -m scripts.release_check`: what a release's files must agree on. A line for each problem.

`./dev release-check` runs it, and then what takes longer: see CONTRIBUTING.md.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from scripts.interface import interface
from swpt_accounts.db.installer import procedures_schema

ROOT: Final = Path(__file__).parents[1]
SECTIONS: Final = ("What is new", "What to do", "What breaks")
LINES_MAX: Final = 100
SLOWER_MAX: Final = 0.9
"""A release that has less of the throughput of the one before is too slow."""


def problems(root: Path) -> Iterator[str]:
    """Everything that is wrong with the files of a checkout."""
    version = str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])
    yield from version_problems(root, version)
    yield from notes_problems((root / "CHANGELOG.md").read_text(), version)
    yield from kept_problems(root, version)
    yield from git_problems(root, version)


def version_problems(root: Path, version: str) -> Iterator[str]:
    """The same version everywhere."""
    for name, pattern in (
        ("swpt_accounts/core/version.py", r'^VERSION: Final = "(.+)"$'),
        *(
            (str(path.relative_to(root)), r'name: swpt_accounts\n +newTag: "(.+)"')
            for path in sorted(root.glob("deploy/kubernetes/overlays/*/kustomization.yaml"))
        ),
    ):
        found = re.findall(pattern, (root / name).read_text(), re.MULTILINE)
        if found != [version]:
            yield f"{name} has the version {', '.join(found) or 'none'}, pyproject.toml {version}"
    text = (root / ".github/workflows/release.yml").read_text()
    if 'VERSION="$VERSION"' not in text:
        yield "release.yml does not give the image the label of its version"


def notes_problems(text: str, version: str) -> Iterator[str]:
    """Notes that operators can read."""
    _, *parts = re.split(r"^## \[(.+?)\].*$", text, flags=re.MULTILINE)
    notes = dict(zip(parts[::2], parts[1::2], strict=True))
    if notes.get("Unreleased", "").strip():
        yield f"CHANGELOG.md: move what is below Unreleased into the notes of {version}"
    if version not in notes:
        yield f"CHANGELOG.md has no notes of {version}"
        return
    lines = notes[version].strip().splitlines()
    if len(lines) > LINES_MAX:
        yield f"CHANGELOG.md: the notes of {version} have {len(lines)} lines, not {LINES_MAX}"
    for section in SECTIONS:
        if f"### {section}" not in lines:
            yield f"CHANGELOG.md: the notes of {version} lack '{section}'"


def kept_problems(root: Path, version: str) -> Iterator[str]:
    """What the tests of later releases need."""
    names = root / f"tests/docs/interface/{version}.json"
    schema = root / f"tests/db/releases/{version}.sql"
    # (the name of the schema has the digest of the procedures, and of the latest migration)
    for path, is_current in (
        (names, lambda text: json.loads(text) == interface()),
        (schema, lambda text: f"CREATE SCHEMA {procedures_schema()};" in text),
    ):
        if not path.exists() or not is_current(path.read_text()):
            yield (
                f"{path.relative_to(root)} is missing, or not what the program has:"
                f" ./dev release-schema {version}"
            )


def git_problems(root: Path, version: str) -> Iterator[str]:
    """Everything is committed; a tag, if there is one, is this version's, and is here."""
    if _git(root, "status", "--porcelain"):
        yield "not everything is committed"
    here = [tag for tag in _git(root, "tag", "--points-at", "HEAD") if tag.startswith("v")]
    if here and here != [f"v{version}"]:
        yield f"HEAD has the tag {', '.join(here)}, but the version is {version}"
    if not here and f"v{version}" in _git(root, "tag"):
        yield f"the tag v{version} is elsewhere: this version was released already"


def release_before(root: Path, version: str) -> str | None:
    """The tag of the latest release before this one, if there is one."""
    tags = _git(root, "tag", "--merged", "HEAD", "--sort=-version:refname", "v*.*.*")
    return next((tag for tag in tags if tag != f"v{version}"), None)


def _git(root: Path, *command: str) -> list[str]:
    result = subprocess.run(
        ["git", "-C", str(root), *command], capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()


def slower_problem(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Of two results of `./dev bench --only burst`: whether the later release is too slow."""
    old, new = (
        median(run["per_second"] for run in results["scenarios"]["burst"]["runs"])
        for results in (before, now)
    )
    text = f"{new:,.0f} transfers a second; the release before: {old:,.0f}"
    return "" if new >= SLOWER_MAX * old else f"slower than the release before: {text}"


def main(arguments: list[str]) -> int:
    """Check the files; `--before`: name the release before; `--slower OLD NEW`: compare results."""
    version = str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
    if arguments == ["--before"]:
        print(release_before(ROOT, version) or "")
        return 0
    if arguments[:1] == ["--slower"]:
        old, new = (json.loads(Path(name).read_text()) for name in arguments[1:])
        found = [problem] if (problem := slower_problem(old, new)) else []
    else:
        found = list(problems(ROOT))
    sys.stderr.writelines(f"release-check: {problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
