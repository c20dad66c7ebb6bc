"""`python -m scripts.manifests [--secrets FILE] [FOLDER|FILE|-...]`: see `--help`.

Exits with 0 when nothing is wrong, else with 1, and a line for each problem.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.manifests.checks import ROOT, problems
from scripts.manifests.resources import BuildError, World, build, parse

OVERLAYS: Final = ROOT / "deploy" / "kubernetes" / "overlays"
# With these, make_secrets.sh makes secrets to look at.
_EXAMPLE: Final = {"S3_ACCESS_KEY_ID": "id", "S3_SECRET_ACCESS_KEY": "key", "S3_REGION": "region"}


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


def texts(arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """What is to be looked at, with its name. Raises `BuildError`."""
    if arguments.places:
        places = (*arguments.places, *arguments.secrets)
        yield ", ".join(arguments.places), "\n---\n".join(map(read, places))
        return
    for script in sorted(OVERLAYS.glob("*/make_secrets.sh")):
        overlay = script.parent
        yield overlay.name, f"{build(overlay)}\n---\n{example_secrets(overlay)}"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.manifests", description="Checks Kubernetes manifests."
    )
    parser.add_argument("places", nargs="*", metavar="FOLDER|FILE|-", help="of a kustomization")
    parser.add_argument("--secrets", action="append", default=[], metavar="FILE")
    try:
        found = [
            f"{name}: {problem}"
            for name, text in texts(parser.parse_args())
            for problem in problems(World(parse(text)))
        ]
    except BuildError as error:
        found = [str(error)]
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
