"""The settings of the program: its environment variables."""

from swpt_accounts.settings.loader import (
    load_settings,
    misspelt_settings,
    read_setting,
    unused_settings,
)
from swpt_accounts.settings.schema import Settings, SettingsError

__all__ = [
    "Settings",
    "SettingsError",
    "load_settings",
    "misspelt_settings",
    "read_setting",
    "unused_settings",
]
