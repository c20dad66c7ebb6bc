"""The schema's description of each setting, as objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from msgspec import NODEFAULT, structs
from msgspec import inspect as kinds

from swpt_accounts.settings import urls
from swpt_accounts.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `annotation` is what msgspec converts to, `kind` is the inspected type, and
    `extra` is what JSON Schema cannot express (`types.py`).
    """

    field: str
    annotation: Any
    kind: kinds.Type
    default: Any
    rule: str
    extra: dict[str, Any]

    @property
    def variable(self) -> str:
        return self.field.upper()

    @property
    def doc(self) -> str:
        return str(self.extra["description"])

    @property
    def schemes(self) -> tuple[str, ...]:
        """Those that a URL may have; none if it is no URL."""
        return tuple(self.extra.get("schemes", ()))

    @property
    def is_secret(self) -> bool:
        """Whether the value is never shown."""
        return "secret" in self.extra

    @property
    def default_text(self) -> str:
        """The default, as it would be written in the environment."""
        match self.default:
            case None:
                return ""
            case bool():
                return str(self.default).lower()
            case float():
                return f"{self.default:g}"
            case datetime():
                return self.default.date().isoformat()
        return str(self.default)


def _describe_all() -> dict[str, Setting]:
    info = kinds.type_info(Settings)
    assert isinstance(info, kinds.StructType)
    return {
        field.name: _describe(field, inspected.type)
        for field, inspected in zip(structs.fields(Settings), info.fields, strict=True)
    }


def _describe(field: structs.FieldInfo, inspected: kinds.Type) -> Setting:
    assert field.default is not NODEFAULT
    kind, extra = _unwrap(inspected)
    rule = "; ".join([extra.get("rule", _rule_text(kind, extra)), *_more_rules(extra)])
    return Setting(field.name, field.type, kind, field.default, rule, extra)


def _more_rules(extra: dict[str, Any]) -> Iterator[str]:
    if "also" in extra:
        yield extra["also"]
    if "chosen" in extra:
        yield "0: the program chooses"
    if "counts_as" in extra:
        yield f"0 counts as {extra['counts_as']:g}, the program's own limit"
    if "counts_from" in extra:
        yield f"less than {extra['counts_from']:g} counts as {extra['counts_from']:g}"
    if "counts_up_to" in extra:
        yield f"more than {extra['counts_up_to']} counts as {extra['counts_up_to']}"
    if "never_empty" in extra:
        yield "it may be unset, but not empty"


def _unwrap(kind: kinds.Type) -> tuple[kinds.Type, dict[str, Any]]:
    """Return the type without its metadata and its `None`, and all the metadata."""
    extra: dict[str, Any] = {}
    while True:
        if isinstance(kind, kinds.Metadata):
            extra |= kind.extra_json_schema or {}
            kind = kind.type
        elif isinstance(kind, kinds.UnionType):
            (kind,) = (t for t in kind.types if not isinstance(t, kinds.NoneType))
        else:
            return kind, extra


def _rule_text(kind: kinds.Type, extra: dict[str, Any]) -> str:
    match kind:
        case kinds.IntType(ge=None, le=high):
            return f"an integer, at most {high}"
        case kinds.IntType(ge=low, le=high):
            return f"an integer from {low} to {high}"
        case kinds.FloatType(gt=None, ge=low, le=high):
            return f"a number from {low:g} to {high:g}"
        case kinds.FloatType(gt=low, le=high):
            return f"a number above {low:g}, at most {high:g}"
        case kinds.BoolType():
            return "true or false (also: yes, no, on, off, 1, 0)"
        case kinds.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case kinds.StrType() if "schemes" in extra:
            beginnings = " or ".join(f"{scheme}://" for scheme in extra["schemes"])
            return f"a URL that begins with {beginnings}{urls.rule(extra['schemes'])}"
    return ""


SETTINGS: Final = _describe_all()
"""Every setting, by the name of its field."""
