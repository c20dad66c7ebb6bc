"""What the tests of the container's parts share."""

import pytest

from agentkit.processes import system_program


@pytest.fixture(scope="session")
def nginx() -> str:
    """The program nginx, which `./dev test` installs."""
    path = system_program("nginx")
    if path is None:
        pytest.fail(
            "These tests need nginx; please install it (on Debian, the package nginx-light).",
            pytrace=False,
        )
    return path
