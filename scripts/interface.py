"""`python -m scripts.interface`: all that docs/support.md calls stable, as JSON.

`./dev release-schema VERSION` keeps it for the release; a test finds what is gone since.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import yaml

from swpt_accounts.cli.group import MODULES, swpt_accounts
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.tables import Base
from swpt_accounts.observability.events.catalogue import EVENTS
from swpt_accounts.observability.metrics.definitions import METRICS
from swpt_accounts.settings.description import SETTINGS

ROOT: Final = Path(__file__).parents[1]


def interface() -> dict[str, list[str]]:
    """Each kind of things, with their names."""
    kinds = {
        "commands": _commands(),
        "commands of the container": _container_commands(),
        "variables": (setting.variable for setting in SETTINGS.values()),
        "metrics": (
            f"{metric.full_name} {metric.kind} {','.join(metric.labels)}".strip()
            for metric in METRICS
        ),
        "events": EVENTS,
        "messages": _messages(),
        "fetch API": _fetch_api(),
        "tables": _columns(),
    }
    return {kind: sorted(names) for kind, names in kinds.items()}


def _commands() -> Iterator[str]:
    """Each command with each of its options."""
    context = click.Context(swpt_accounts)
    for name in MODULES:
        command = swpt_accounts.get_command(context, name)
        assert command is not None
        yield from _command(name, command)


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield name
    for parameter in command.params:
        yield from (f"{name} {option}" for option in parameter.opts if option.startswith("-"))
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from _command(f"{name} {part}", inner)


def _container_commands() -> list[str]:
    text = (ROOT / "docker" / "entrypoint.sh").read_text()
    usage = text.partition("<<'USAGE'\n")[2].partition("\nUSAGE")[0]
    return re.findall(r"^  ([a-z][a-zA-Z_-]+)", usage, re.MULTILINE)


def _messages() -> Iterator[str]:
    """Each field of each message."""
    document = _yaml("asyncapi.yaml")
    for channel, body in document["channels"].items():
        for name in body["messages"]:
            yield f"{channel} {name}"
    for name, schema in document["components"]["schemas"].items():
        yield from (f"{name}.{field}" for field in schema.get("properties", ()))


def _fetch_api() -> Iterator[str]:
    for path, methods in _yaml("openapi.yaml")["paths"].items():
        for method, body in methods.items():
            if method != "parameters":
                yield from (f"{method.upper()} {path} {code}" for code in body["responses"])


def _columns() -> Iterator[str]:
    """What `POSTGRES_READING_ROLE` may read."""
    granted = read_queries("db/reading_grants.sql")["grant"].rpartition("GRANT SELECT ON")[2]
    for name in re.findall(r"\w+", granted):
        if name in Base.metadata.tables:
            for column in Base.metadata.tables[name].columns:
                yield f"{name}.{column.name} {column.type}"


def _yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / "docs" / name).read_text("utf-8"))


if __name__ == "__main__":
    print(json.dumps(interface(), indent=1))
