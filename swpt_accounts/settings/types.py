"""The types of the settings, with their bounds.

What JSON Schema cannot express is in `extra_json_schema`: `rule` replaces the text of a
type's rule, `also` follows it, `schemes` are those that a URL may have. A setting that is `chosen`
takes its default for 0, too; 0 `counts_as` something else where "no limit" or "no pause" is meant;
what is more than `counts_up_to` counts as that, and what is less than `counts_from`. A switch that
is `lenient` is off for every word that does not switch it on. One that is set, but empty, counts as
not set; where it is `never_empty`, it is refused. What is `secret` is never shown; `networks` are
parsed.
"""

from typing import Annotated

from msgspec import Meta


def doc(text: str) -> Meta:
    """The meaning of a setting."""
    return Meta(description=text)


def _text(pattern: str, rule: str, **extra: bool) -> Meta:
    return Meta(pattern=pattern, extra_json_schema={"rule": rule, **extra})


_CHOSEN = {"chosen": True}
Processes = Annotated[int, Meta(le=1000, extra_json_schema={"counts_from": 0})]
Threads = Annotated[int, Meta(ge=0, le=1000, extra_json_schema=_CHOSEN)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Port = Annotated[int, Meta(ge=1, le=65535)]
PortOrZero = Annotated[int, Meta(ge=0, le=65535)]
PrefetchCount = Annotated[int, Meta(ge=0, le=65535, extra_json_schema=_CHOSEN)]
# More rows in one transaction do not make it cheaper, but keep others waiting for longer.
BatchCount = Annotated[
    int, Meta(ge=0, le=1_000_000, extra_json_schema={**_CHOSEN, "counts_up_to": 1000})
]
BurstCount = Annotated[
    int, Meta(ge=0, le=1_000_000, extra_json_schema={**_CHOSEN, "counts_up_to": 250})
]
PrefetchSize = Annotated[
    int, Meta(ge=0, le=0, extra_json_schema={"rule": "0 (RabbitMQ implements no other limit)"})
]
Millisecs = Annotated[int, Meta(ge=1, le=60_000)]
# Less would keep the database busy with questions; who has work to hand on says so anyway.
Wait = Annotated[float, Meta(ge=0.0, le=86400.0, extra_json_schema={"counts_from": 0.05})]
Days = Annotated[float, Meta(gt=0.0, le=10_000.0)]
DaysOrZero = Annotated[float, Meta(ge=0.0, le=10_000.0)]
DaySeconds = Annotated[float, Meta(ge=0.0, le=86400.0)]
LenientSwitch = Annotated[
    bool,
    Meta(
        extra_json_schema={
            "rule": "yes (also: true, on, 1); everything else means no",
            "lenient": True,
        }
    ),
]
QueueName = Annotated[
    str,
    _text(
        r"\A(?!amq\.)[!-~]{1,250}\Z",
        "1 to 250 printable ASCII symbols without spaces, not beginning with `amq.`",
    ),
]
RoutingKey = Annotated[
    str,
    _text(
        r"\A([01]\.){0,20}#\Z",
        "at most 20 zeros and ones, separated by dots, and a final hash symbol,"
        " like `#` or `0.1.#`",
        never_empty=True,
    ),
]
VariableNames = Annotated[
    str, _text(r"\A[A-Za-z0-9_ ]*\Z", "names of variables, separated by spaces")
]
RoleName = Annotated[
    str,
    _text(
        r"\A(?!(public|none)\Z|pg_)[!-~]{1,63}\Z",
        "1 to 63 printable ASCII symbols without spaces, not `public`, not `none`, not"
        " beginning with `pg_`",
    ),
]
UserPattern = Annotated[
    str,
    _text(r"\A[!-~]{1,255}\Z", "a regular expression of 1 to 255 printable ASCII symbols"),
]
FolderName = Annotated[
    str, _text(r"\A/[^\x00]{1,400}\Z", "an absolute path of at most 401 characters")
]
FolderNameOrEmpty = Annotated[
    str,
    _text(r"\A(/[^\x00]{1,400})?\Z", "empty, or an absolute path of at most 401 characters"),
]
Secret = Annotated[
    str,
    _text(
        r"\A[!-~]{20,200}\Z",
        "20 to 200 printable ASCII symbols without spaces; the two tokens differ",
        secret=True,
    ),
]
HeaderName = Annotated[
    str,
    _text(
        r"\A[A-Za-z][A-Za-z0-9-]{0,63}\Z",
        "the name of an HTTP header: up to 64 letters, digits and hyphens",
    ),
]
Networks = Annotated[
    str,
    _text(r"\A[0-9A-Fa-f.:/ ]*\Z", "IP addresses or networks, separated by spaces", networks=True),
]
Address = Annotated[str, _text(r"\A[0-9A-Fa-f.:]+\Z", "an IP address", networks=True)]
HttpUrl = Annotated[str, Meta(extra_json_schema={"schemes": ["http", "https"]})]
BrokerUrl = Annotated[str, Meta(extra_json_schema={"schemes": ["amqp", "amqps"]})]
DatabaseUrl = Annotated[
    str, Meta(extra_json_schema={"schemes": ["postgresql+psycopg", "postgresql"]})
]
