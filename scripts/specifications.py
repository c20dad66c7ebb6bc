"""Writes the specifications for programs: ``python -m scripts.specifications [--check]``.

They are made from the message types and the documents (see ``scripts/specification``).
With ``--check`` nothing is written; the exit code is 1 when a file is not as it would be written.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from scripts.specification import asyncapi_document, openapi_document

ROOT = Path(__file__).parents[1]
HEAD = "# Made by `python -m scripts.specifications`. Do not change it by hand.\n"
# The emitter breaks a line after the word that crosses this column.
COLUMNS = 76


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, indents lists, and folds long texts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def represent_text(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else ">" if len(data) > 60 and " " in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def to_yaml(document: Any) -> str:
    """Returns the document as YAML, always the same for the same document."""

    return HEAD + yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=COLUMNS
    )


def specifications() -> dict[Path, str]:
    """Returns the files and what is to be in them."""

    protocol, protocol_json = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("protocol.rst", "protocol-json.rst")
    )
    return {
        ROOT / "docs" / "asyncapi.yaml": to_yaml(asyncapi_document(protocol, protocol_json)),
        ROOT / "docs" / "openapi.yaml": to_yaml(openapi_document()),
    }


def main() -> None:
    """Writes the files, or checks them."""

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, report what is old")
    is_check = parser.parse_args().check
    old = {
        path: text
        for path, text in specifications().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in old.items():
        print(f"{path.relative_to(ROOT)} {'is old' if is_check else 'is written'}")
        if not is_check:
            path.write_text(text, encoding="utf-8")
    sys.exit(1 if is_check and old else 0)


if __name__ == "__main__":
    main()
