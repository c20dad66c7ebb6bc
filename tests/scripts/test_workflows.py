"""What the continuous integration takes from others, and gives to others."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentkit.processes import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.stem))
def test_actions_are_pinned_by_their_hash(path: Path) -> None:
    """A tag can be moved. The comment says which one it was."""
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.search(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.stem))
def test_what_a_step_may_do(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    signing = {"id-token": "write"} if path.stem == "release" else {}
    assert workflow["permissions"] == {"contents": "read", **signing}
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_what_is_pushed_is_audited_before_and_signed_after() -> None:
    (release,) = (path for path in WORKFLOWS if path.stem == "release")
    text = "\n".join(step.get("run", "") for step in steps(release))
    assert re.findall(r"docker push (.*)", text) == ['"$IMAGE:$VERSION"']
    order = ["./dev audit", "docker push", 'cosign sign --yes "$PUSHED"', "cosign attest"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert ":latest" not in text
