"""With which settings an authority is measured.

The addresses are not among them: they are those of the benchmark's own servers.
"""

from collections.abc import Mapping
from os import environ

from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.settings.description import SETTINGS as DESCRIBED

DEFAULTS = "defaults"
EXAMPLE = "example"
BEST = "best"

SETTINGS: dict[str, dict[str, str]] = {
    # Nothing but what has to be set.
    DEFAULTS: {},
    # What a user might write who does not know the program.
    EXAMPLE: {
        "PROTOCOL_BROKER_PROCESSES": "1",
        "PROTOCOL_BROKER_THREADS": "3",
        "PROTOCOL_BROKER_PREFETCH_COUNT": "10",
        "CHORES_BROKER_THREADS": "3",
        "CHORES_BROKER_PREFETCH_COUNT": "10",
        "FLUSH_PROCESSES": "2",
        "FLUSH_PERIOD": "1.5",
        "PROCESS_TRANSFER_REQUESTS_THREADS": "10",
        "PROCESS_FINALIZATION_REQUESTS_THREADS": "10",
        "PROCESS_BALANCE_CHANGES_THREADS": "10",
        "WEBSERVER_PROCESSES": "2",
        "WEBSERVER_THREADS": "10",
    },
    # The fastest that were found.
    BEST: {"PROTOCOL_BROKER_PREFETCH_COUNT": "250"},
}


_STAGES = ("TRANSFER_REQUESTS", "FINALIZATION_REQUESTS", "BALANCE_CHANGES")
_SENT = ("PREPARED_TRANSFERS", "FINALIZED_TRANSFERS", "ACCOUNT_TRANSFERS")

SLOW: dict[str, tuple[dict[str, str], float]] = {
    "defaults": ({}, 0.4),
    "prefetch 1": ({"PROTOCOL_BROKER_PREFETCH_COUNT": "1"}, 0.05),
    "prefetch 10": ({"PROTOCOL_BROKER_PREFETCH_COUNT": "10"}, 0.2),
    "prefetch 25": ({"PROTOCOL_BROKER_PREFETCH_COUNT": "25"}, 0.3),
    "prefetch 50": ({"PROTOCOL_BROKER_PREFETCH_COUNT": "50"}, 0.4),
    "10 threads a stage": ({f"PROCESS_{name}_THREADS": "10" for name in _STAGES}, 0.4),
    "10 rows a stage": ({f"APP_PROCESS_{name}_MAX_COUNT": "10" for name in _STAGES}, 0.3),
    "10 messages a flush": ({f"APP_FLUSH_{name}_BURST_COUNT": "10" for name in _SENT}, 0.3),
}
"""Values that are known to cost most of the speed, and the part of a burst that measures them."""


def environment_with(*several: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, but of the program's settings only those given."""
    names = {setting.variable for setting in DESCRIBED.values()}
    names.add("SQLALCHEMY_DATABASE_URI")
    result = {name: value for name, value in environ.items() if name not in names}
    for settings in several:
        result |= settings
    return result


def effective_settings(environment: Mapping[str, str]) -> Settings:
    """What the program makes of an environment: its defaults are there, too."""
    return load_settings(environment)
