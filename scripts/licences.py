"""The licences of what the program is installed with: `python -m scripts.licences`.

Writes a table to the standard output, and ends with the exit code 1 when there is a licence that
nobody has looked at yet. It needs nothing but the standard library, because it runs in the
environment that it describes.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, distributions
from typing import NamedTuple

# Those that ask for nothing but a notice, as long as a package is used as it is. For the LGPL
# that is so because the package can be replaced: it is a folder of its own; the MPL is about the
# files of a package, none of which is changed.
KNOWN = {
    *(
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "3-Clause BSD License",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
    ),
    *("LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-2.0", "Apache 2.0"),
    *("Apache Software License", "BSD License", "MIT License"),
    *("Python Software Foundation License", "ISC License (ISCL)"),
    # supervisor: four clauses, of which three are those of BSD, and the other one is of names.
    "BSD-derived (http://www.repoze.org/LICENSE.txt)",
}
_CLASSIFIER = "License :: OSI Approved :: "
_LENGTH_MAX = 60


class Package(NamedTuple):
    """A package, and its licences as it names them: each of them counts."""

    name: str
    version: str
    licences: tuple[str, ...]

    @property
    def unknown(self) -> list[str]:
        """The licences that nobody has looked at."""
        return [one for one in self.licences or ("none",) if one not in KNOWN]


def licences_of(metadata: PackageMetadata) -> tuple[str, ...]:
    """What a package says, in the best of the three ways in which it may."""
    if "License-Expression" in metadata:
        expression = metadata["License-Expression"]
        return tuple(re.split(r" (?:AND|OR) ", expression.replace("(", "").replace(")", "")))
    (text, *_) = metadata.get_all("License") or [""]
    if text and "\n" not in text and len(text) <= _LENGTH_MAX:
        return (text,)
    classifiers = metadata.get_all("Classifier") or []
    return tuple(c.removeprefix(_CLASSIFIER) for c in classifiers if c.startswith(_CLASSIFIER))


def installed() -> list[Package]:
    """All packages of this environment, by their names."""
    found = (d.metadata for d in distributions())
    return sorted(Package(m["Name"].lower(), m["Version"], licences_of(m)) for m in found)


def table(packages: list[Package]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield "| package | version | licence |"
    yield "|---|---|---|"
    for package in packages:
        yield f"| {package.name} | {package.version} | {', '.join(package.licences) or 'none'} |"


def main() -> int:
    """Run the command."""
    packages = installed()
    sys.stdout.writelines(f"{line}\n" for line in table(packages))
    wrong = [package for package in packages if package.unknown]
    for package in wrong:
        sys.stderr.write(f"{package.name}: nobody has looked at {', '.join(package.unknown)} yet\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
