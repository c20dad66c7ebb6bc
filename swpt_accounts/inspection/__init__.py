"""What operators ask: status, where a transfer is, messages to send again. All of it only reads."""

from typing import Final

VERSION: Final = "1.0.0"
"""That of pyproject.toml."""
