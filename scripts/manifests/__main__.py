"""`python -m scripts.manifests [OPTION...] [FOLDER|FILE|-...]`: see `--help`.

Exits with 0 when nothing is wrong, else with 1, and a line for each problem.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.manifests.access import check_access
from scripts.manifests.references import check_references
from scripts.manifests.restricted import check_security
from scripts.manifests.scaling import check_scaling
from scripts.manifests.schemas import FIELDS, Schema, check_schemas, read_schemas, record
from scripts.manifests.settings import ROOT, check_settings
from scripts.manifests.shards import check_shards
from scripts.manifests.world import BuildError, World, build, parse

OVERLAYS: Final = ROOT / "deploy" / "kubernetes" / "overlays"
CHECKS: Final = (
    check_settings,
    check_references,
    check_security,
    check_shards,
    check_access,
    check_scaling,
)
# With these, make_secrets.sh makes secrets to look at.
_EXAMPLE: Final = {"S3_ACCESS_KEY_ID": "id", "S3_SECRET_ACCESS_KEY": "key", "S3_REGION": "region"}
_FIELDS_HEAD: Final = """\
# The fields of the operators' resources that are used here, as they were found in the operators'
# CustomResourceDefinitions: CloudNativePG, RabbitMQ's cluster and messaging topology operators,
# KEDA and the Prometheus operator, of August 2026. Made by
#
#   python -m scripts.manifests --crds FOLDER --record
"""


def example_secrets(overlay: Path) -> str:
    """Secrets as the script of the overlay makes them, for the data folder of the tests. Raises
    `BuildError`.
    """
    command = [str(overlay / "make_secrets.sh")]
    if overlay.name != "small":
        command.append(str(ROOT / "docker" / "nodedata"))
    environment = {**os.environ, **_EXAMPLE}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        raise BuildError(f"{command[0]}: {result.stderr.strip()}")
    return result.stdout


def read(place: str) -> str:
    """The manifests of a folder, a file, or the standard input (`-`). Raises `BuildError`."""
    if place == "-":
        return sys.stdin.read()
    path = Path(place)
    try:
        return build(path) if path.is_dir() else path.read_text()
    except OSError as error:
        raise BuildError(f"{place}: {error.strerror}") from error


def problems(world: World, schemas: dict[tuple[str, str], Schema] | None) -> Iterator[str]:
    """Everything that is wrong. What is no manifest at all is not looked at any further."""
    refused = list(check_schemas(world, schemas))
    yield from refused
    if not refused:
        for check in CHECKS:
            yield from check(world)


def overlays() -> list[Path]:
    """Those of the repository."""
    return sorted(path.parent for path in OVERLAYS.glob("*/make_secrets.sh"))


def worlds(arguments: argparse.Namespace) -> Iterator[tuple[str, World]]:
    """What is to be looked at, with its name. Raises `BuildError`."""
    if arguments.places:
        text = "\n---\n".join(read(place) for place in (*arguments.places, *arguments.secrets))
        yield ", ".join(arguments.places), World(parse(text))
        return
    for overlay in overlays():
        text = f"{build(overlay)}\n---\n{example_secrets(overlay)}"
        yield overlay.name, World(parse(text))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.manifests", description="Checks Kubernetes manifests."
    )
    parser.add_argument("places", nargs="*", metavar="FOLDER|FILE|-", help="of a kustomization")
    parser.add_argument("--secrets", action="append", default=[], metavar="FILE")
    parser.add_argument("--crds", type=Path, metavar="FOLDER", help="of the operators")
    parser.add_argument("--record", action="store_true", help="which fields there are")
    return parser.parse_args()


def main() -> int:
    """Run the command."""
    arguments = parse_arguments()
    try:
        schemas = read_schemas(arguments.crds) if arguments.crds else None
        found = list(worlds(arguments))
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments.record and schemas:
        lines = set[str]().union(*(record(world, schemas) for _, world in found))
        FIELDS.write_text(_FIELDS_HEAD + "".join(f"{line}\n" for line in sorted(lines)))
    count = 0
    for name, world in found:
        for problem in problems(world, schemas):
            sys.stderr.write(f"{name}: {problem}\n")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
