"""`./dev release-check`: what it finds in the files of a release. This checkout has none."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agentkit.processes import ROOT
from scripts import release_check
from scripts.interface import interface
from swpt_accounts.db.installer import procedures_schema

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NOTES = "## [Unreleased]\n{unreleased}\n## [1.2.0] - today\n\n{notes}\n\n## [1.1.0]\n\nold\n"
GOOD = "\n\n".join(f"### {section}\n\n- something" for section in release_check.SECTIONS)


@pytest.mark.parametrize(
    ("unreleased", "notes", "version", "problem"),
    [
        ("", GOOD, "1.2.0", ""),
        ("- a line", GOOD, "1.2.0", "below Unreleased"),
        ("", GOOD, "1.3.0", "has no notes"),
        ("", GOOD.replace("### What breaks", ""), "1.2.0", "lack 'What breaks'"),
        ("", GOOD + "\n- more" * 100, "1.2.0", "lines, not 100"),
    ],
)
def test_notes(unreleased: str, notes: str, version: str, problem: str) -> None:
    text = NOTES.format(unreleased=unreleased, notes=notes)
    found = list(release_check.notes_problems(text, version))
    assert (len(found), problem in "".join(found)) == (bool(problem), True), found


def test_this_checkout_agrees_with_itself() -> None:
    assert list(release_check.version_problems(ROOT, VERSION)) == []
    text = (ROOT / "CHANGELOG.md").read_text()
    found = release_check.notes_problems(text, VERSION)
    assert [problem for problem in found if "Unreleased" not in problem] == []


def test_a_version_that_was_forgotten(tmp_path: Path) -> None:
    for name in ("deploy/kubernetes/overlays", "swpt_accounts/core", ".github"):
        shutil.copytree(ROOT / name, tmp_path / name)
    assert list(release_check.version_problems(tmp_path, VERSION)) == []
    found = list(release_check.version_problems(tmp_path, "9.9.9"))
    assert len(found) == 4
    assert found[0] == (
        f"swpt_accounts/core/version.py has the version {VERSION}, pyproject.toml 9.9.9"
    )


def test_what_was_not_kept(tmp_path: Path) -> None:
    names, schema = (
        tmp_path / name
        for name in ("tests/docs/interface/1.2.0.json", "tests/db/releases/1.2.0.sql")
    )
    assert len(list(release_check.kept_problems(tmp_path, "1.2.0"))) == 2
    for path in (names, schema):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    assert len(list(release_check.kept_problems(tmp_path, "1.2.0"))) == 2
    names.write_text(json.dumps(interface()))
    schema.write_text(f"CREATE SCHEMA {procedures_schema()};\n")
    assert list(release_check.kept_problems(tmp_path, "1.2.0")) == []


def test_tags(tmp_path: Path) -> None:
    def git(*command: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "tag.gpgSign=false")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *command], check=True)

    def commit() -> None:
        git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "something")

    def find(version: str) -> str:
        return "".join(release_check.git_problems(tmp_path, version))

    git("init", "-q")
    commit()
    assert find("1.0.0") == ""
    assert release_check.release_before(tmp_path, "1.0.0") is None
    git("tag", "v1.0.0")
    assert find("1.0.0") == ""
    assert find("1.1.0") == "HEAD has the tag v1.0.0, but the version is 1.1.0"
    commit()
    assert find("1.0.0") == "the tag v1.0.0 is elsewhere: this version was released already"
    assert find("1.1.0") == ""
    assert release_check.release_before(tmp_path, "1.1.0") == "v1.0.0"
    (tmp_path / "new").touch()
    assert find("1.1.0") == "not everything is committed"


@pytest.mark.parametrize(("speed", "is_slower"), [(1900, False), (1700, True)])
def test_speed(speed: int, is_slower: bool) -> None:
    def results(*speeds: int) -> dict[str, Any]:
        return {"scenarios": {"burst": {"runs": [{"per_second": one} for one in speeds]}}}

    problem = release_check.slower_problem(results(2000, 100, 2010), results(speed))
    assert bool(problem) == is_slower
