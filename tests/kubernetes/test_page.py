"""docs/how-to/run-on-kubernetes.md, command by command, as far as that goes without a cluster."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.processes import ROOT

PAGE = (ROOT / "docs" / "how-to" / "run-on-kubernetes.md").read_text("utf-8")
# In place of a cluster: it notes what it is asked for, misses files as kubectl does, and refuses
# what is in a namespace that was not made, as the API server does, also when it only tries.
KUBECTL = """#!/usr/bin/env bash
if [ "$1" = kustomize ]; then exec {kubectl} "$@"; fi
echo "$*" >>"$NOTES"
while [ $# -gt 0 ]; do
  case $1 in
    -f) if [ "$2" = - ]; then cat >/dev/null; else [ -f "$2" ] || exit 1; fi ;;
    -k) [ -f "$2/kustomization.yaml" ] && grep -q namespace.yaml "$NOTES" || exit 1 ;;
  esac
  shift
done
"""
# What an operator does to the overlay by hand.
PUT_IMAGE = """
sed -i '/^images:/,$d' "$OVERLAY/kustomization.yaml"
printf 'images:\\n%s' "$IMAGE" >>"$OVERLAY/kustomization.yaml"
"""


def commands(heading: str) -> str:
    """The commands below a heading, in their order, without what belongs into files."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?:^    .+\n)+", section, re.M)
    assert blocks, heading
    return "".join(block for block in blocks if not block.startswith("    - name: "))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an overlay that can be copied, a Python, and no other program of ours."""
    folder, programs = tmp_path / "checkout", tmp_path / "bin"
    (folder / ".venv" / "bin").mkdir(parents=True)
    programs.mkdir()
    for path in ROOT.iterdir():
        if path.name not in (".venv", ".git", "deploy", "var"):
            (folder / path.name).symlink_to(path)
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    scripts = {
        programs / "kubectl": KUBECTL.replace("{kubectl}", shutil.which("kubectl") or ""),
        folder / ".venv/bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        folder / ".venv/bin/pip": '#!/bin/sh\n[ "$1 $2" = "install -r" ] && [ -f "$3" ]\n',
    }
    for path, text in scripts.items():
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    return folder


def test_commands_until_there_are_pods(checkout: Path) -> None:
    steps = [
        commands("Overlays and components"),
        PUT_IMAGE,
        commands("3. Secrets").replace('" NODEDATA', '"'),
        commands("4. Check the manifests"),
        commands("5. Apply").replace(" NODEDATA ", " docker/nodedata "),
        'kubectl kustomize "$OVERLAY"',
    ]
    (image,) = re.findall(r"^    - name: swpt_accounts\n.*\n.*digest: .*\n", PAGE, re.M)
    notes = checkout.parent / "notes"
    environment = {
        **os.environ,
        "PATH": f"{checkout.parent / 'bin'}:{os.environ['PATH']}",
        "NOTES": str(notes),
        "IMAGE": image.replace("REGISTRY", "registry.example.org").replace("…", 64 * "0"),
    }
    for _ in range(2):  # each command can be given again
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(steps)],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert f"image: registry.example.org/swpt_accounts@sha256:{64 * '0'}\n" in done.stdout
    assert (checkout / "secrets.yaml").stat().st_mode & 0o077 == 0
    lines = notes.read_text().replace("-n swpt-accounts ", "").splitlines()
    verbs = ["apply", "apply", "create", "apply", "apply", "wait", "wait"]
    assert [line.split()[0] for line in lines] == 2 * verbs
