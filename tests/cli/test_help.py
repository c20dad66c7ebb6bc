"""`--help` of every command needs no setting and no server; the commands themselves do."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from swpt_accounts.cli import swpt_accounts as group


def paths() -> Iterator[tuple[str, ...]]:
    """Each command, and each of its parts."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, part) for part in command.commands)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POSTGRES_URL", "SQLALCHEMY_DATABASE_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("path", list(paths()), ids=" ".join)
def test_help_needs_no_settings(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_LOG_FORMAT", "not one of the formats")
    result = CliRunner().invoke(group, [*path, "--help"])
    assert (result.exit_code, result.output.startswith("Usage: ")) == (0, True), result.output


def test_a_command_needs_settings() -> None:
    result = CliRunner().invoke(group, ["status"])
    assert (result.exit_code, "POSTGRES_URL" in result.output) == (1, True), result.output


def test_help_as_a_value_of_an_option_is_no_help() -> None:
    result = CliRunner().invoke(group, ["status", "--seconds", "--help"])
    assert result.exit_code == 2, result.output
