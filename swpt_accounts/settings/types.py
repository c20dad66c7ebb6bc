"""The types of the settings, with their bounds.

What JSON Schema cannot express is in `extra_json_schema`: `rule` replaces the text of a
type's rule, `also` follows it, `schemes` are those that a URL may have. A setting that is `chosen`
takes its default for 0, too; what is more than `counts_up_to` counts as that. One that is set, but
empty, counts as not set; where it is `never_empty`, it is refused.
"""

from typing import Annotated

from msgspec import Meta


def doc(text: str) -> Meta:
    """The meaning of a setting."""
    return Meta(description=text)


def _rule(text: str) -> dict[str, str]:
    return {"rule": text}


_CHOSEN = {"chosen": True}
Processes = Annotated[int, Meta(ge=0, le=1000)]
Threads = Annotated[int, Meta(ge=0, le=1000, extra_json_schema=_CHOSEN)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Port = Annotated[int, Meta(ge=1, le=65535)]
PrefetchCount = Annotated[int, Meta(ge=0, le=65535, extra_json_schema=_CHOSEN)]
# More rows in one transaction do not make it cheaper, but keep others waiting for longer.
BatchCount = Annotated[
    int, Meta(ge=0, le=1_000_000, extra_json_schema={**_CHOSEN, "counts_up_to": 1000})
]
BurstCount = Annotated[
    int, Meta(ge=0, le=1_000_000, extra_json_schema={**_CHOSEN, "counts_up_to": 250})
]
PrefetchSize = Annotated[
    int, Meta(ge=0, le=0, extra_json_schema=_rule("0 (RabbitMQ implements no other limit)"))
]
Millisecs = Annotated[int, Meta(ge=1, le=60_000)]
Wait = Annotated[float, Meta(gt=0.0, le=86400.0)]
Days = Annotated[float, Meta(gt=0.0, le=10_000.0)]
DaysOrZero = Annotated[float, Meta(ge=0.0, le=10_000.0)]
QueueName = Annotated[
    str,
    Meta(
        pattern=r"\A(?!amq\.)[!-~]{1,250}\Z",
        extra_json_schema=_rule(
            "1 to 250 printable ASCII symbols without spaces, not beginning with `amq.`"
        ),
    ),
]
RoutingKey = Annotated[
    str,
    Meta(
        pattern=r"\A([01]\.){0,20}#\Z",
        extra_json_schema=_rule(
            "at most 20 zeros and ones, separated by dots, and a final hash symbol,"
            " like `#` or `0.1.#`"
        )
        | {"never_empty": True},
    ),
]
VariableNames = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_ ]*\Z",
        extra_json_schema=_rule("names of variables, separated by spaces"),
    ),
]
RoleName = Annotated[
    str,
    Meta(
        pattern=r"\A(?!(public|none)\Z|pg_)[!-~]{1,63}\Z",
        extra_json_schema=_rule(
            "1 to 63 printable ASCII symbols without spaces, not `public`, not `none`, not"
            " beginning with `pg_`"
        ),
    ),
]
HttpUrl = Annotated[str, Meta(extra_json_schema={"schemes": ["http", "https"]})]
BrokerUrl = Annotated[str, Meta(extra_json_schema={"schemes": ["amqp", "amqps"]})]
DatabaseUrl = Annotated[
    str, Meta(extra_json_schema={"schemes": ["postgresql+psycopg", "postgresql"]})
]
