"""With which settings an authority is measured.

The addresses are not among them: they are those of the benchmark's own servers.
"""

from collections.abc import Mapping
from os import environ

from scripts.settings_reference import settings_reference
from swpt_accounts.settings import Settings, load_settings

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


def environment_with(*several: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, but of the program's settings only those given."""
    names = {setting.name for setting in settings_reference()}
    names.add("SQLALCHEMY_DATABASE_URI")
    result = {name: value for name, value in environ.items() if name not in names}
    for settings in several:
        result |= settings
    return result


def effective_settings(environment: Mapping[str, str]) -> Settings:
    """What the program makes of an environment: its defaults are there, too."""
    return load_settings(environment)
