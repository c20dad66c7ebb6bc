"""The version of the program: that of pyproject.toml."""

from typing import Final

VERSION: Final = "1.0.0"
