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


RELEASE = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
# What each job of a release may do.
PERMISSIONS = {
    "build": {"contents": "read"},
    "test": {},
    "verify": {},
    "publish": {"id-token": "write", "attestations": "write"},
}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.stem))
def test_what_a_step_may_do(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == ({} if path.stem == "release" else {"contents": "read"})
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def release_text(job: str) -> str:
    return "\n".join(step.get("run", "") for step in RELEASE["jobs"][job]["steps"])


def test_jobs_of_a_release_have_the_least_rights() -> None:
    """Who runs tests has no token and no secret; who signs runs nothing of the repository."""
    jobs = RELEASE["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == PERMISSIONS
    assert [name for name, job in jobs.items() if "secrets." in str(job)] == ["publish"]
    assert [name for name, job in jobs.items() if "environment" in job] == ["publish"]
    used = [step.get("uses", "") for step in jobs["publish"]["steps"]]
    assert not [name for name in used if name.startswith("actions/checkout")]
    assert not re.search(
        r"\./|docker (run|compose|build)|source\.tar|python", release_text("publish")
    )


def test_commands_of_the_page_about_images_are_run() -> None:
    """Each night, and before a release: its marks are what `docker/verify artifact` looks for."""
    page = (ROOT / "docs" / "how-to" / "verify-an-image.md").read_text("utf-8")
    assert page.count("<!-- run by docker/verify -->\n```sh\n") == page.count("```sh") == 5
    for name in ("release", "verify"):
        text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
        assert re.search(r"docker/verify .*\bartifact\b", text)


def test_an_image_is_built_once_tested_pushed_and_signed() -> None:
    jobs = RELEASE["jobs"]
    built = {name: len(re.findall("docker build", release_text(name))) for name in jobs}
    assert built == {"build": 2, "test": 0, "verify": 0, "publish": 0}
    assert "--build " not in release_text("test")
    # both on the same base, which is known by its digest
    assert release_text("build").count('--build-arg PYTHON_IMAGE="$PYTHON_IMAGE"') == 2
    assert "{{index .RepoDigests 0}}" in release_text("build")
    for name in ("test", "publish"):
        assert "docker load --input release/image.tar" in release_text(name)
        assert '{{.Id}}\' swpt_accounts)" = "$ID"' in release_text(name)
    assert set(jobs["publish"]["needs"]) == jobs.keys() - {"publish"}
    assert "./dev audit" in release_text("build")
    assert "./docker/verify" in release_text("verify")
    publish = release_text("publish")
    assert re.findall(r"docker push (.*)", publish) == ['"$IMAGE:$VERSION"']
    order = ["docker push", 'cosign sign --yes "$PUSHED"', "cosign attest"]
    places = [publish.index(part) for part in order]
    assert places == sorted(places)
    assert "attest-build-provenance" in jobs["publish"]["steps"][-1]["uses"]
    assert ":latest" not in str(RELEASE)
