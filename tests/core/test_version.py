"""The program knows its version."""

import tomllib

from agentkit.processes import ROOT
from swpt_accounts.core.version import VERSION


def test_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
