"""What the tests of the container's parts share."""

import shutil
import subprocess

import pytest

from agentkit.processes import ROOT

# Debian has nginx where an ordinary user's PATH may not lead.
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
_PROVISION = """
set -euo pipefail
ROOT=$1 VAR=$1/var
mkdir -p "$VAR"
. "$ROOT/scripts/common.sh"
. "$ROOT/scripts/packages.sh"
install_packages nginx-light
"""


def _find_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path=_SYSTEM_PATH)


@pytest.fixture(scope="session")
def nginx() -> str:
    """The program nginx. Where it is missing, it is installed like the servers are."""
    if path := _find_nginx():
        return path
    result = subprocess.run(
        ["bash", "-c", _PROVISION, "bash", str(ROOT)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    path = _find_nginx()
    if path is None:
        pytest.fail(
            "These tests need nginx, and it could not be installed; please install it"
            f" (on Debian, the package nginx-light).\n{result.stdout}",
            pytrace=False,
        )
    return path
