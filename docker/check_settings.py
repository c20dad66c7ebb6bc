"""Ends with one line, and the exit code 1, when a setting is wrong or missing."""

import os
import sys

from swpt_accounts.settings import SettingsError, load_settings

try:
    load_settings(os.environ).database_url  # noqa: B018
except SettingsError as error:
    sys.exit(f"swpt_accounts: {error}")
