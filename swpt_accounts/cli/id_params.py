"""Parameters that are ids, as people paste them."""

import re
from typing import Any

import click

from swpt_accounts.core.ids import parse_id


class IdParam(click.ParamType[int]):
    """A signed 64-bit id: see `parse_id`."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The id. Says what is wrong with the text otherwise."""
        try:
            return parse_id(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class CoordinatorTypeParam(click.ParamType[str]):
    """The type of a coordinator."""

    name = "type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The type, if it is one that a message can have."""
        text = str(value)
        if not re.fullmatch(r"[ -~]{1,30}", text) or text.startswith("-"):
            self.fail(
                f"{text[:50]!r} is no type of a coordinator: 1 to 30 ASCII symbols, like"
                " `direct`, `issuing` or `agent`",
                param,
                ctx,
            )
        return text
