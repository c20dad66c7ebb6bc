"""Becomes psql, in a session with the database of the settings: ``psql.py [ARGUMENT...]``.

What psql says of itself (``--version``, ``--help``) needs no settings.

The address goes into the variables of libpq, one for each of its parts: as an argument, everybody
on the machine could read its password.
"""

import os
import sys

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from swpt_accounts.settings import SettingsError, load_settings

is_about_psql = any(
    word in ("-V", "-?") or word.startswith(("--version", "--help")) for word in sys.argv[1:]
)
try:
    parts = {} if is_about_psql else conninfo_to_dict(load_settings(os.environ).postgres_dsn)
except SettingsError as error:
    sys.exit(f"swpt_accounts: {error}")
variables = {
    option.keyword.decode(): option.envvar for option in Conninfo.get_defaults() if option.envvar
}
for keyword, value in parts.items():
    variable = variables.get(keyword)
    if variable is None:
        sys.exit(f"swpt_accounts: libpq has no variable for the parameter {keyword}")
    os.environb[variable] = str(value).encode()
os.execvp("psql", ["psql", *sys.argv[1:]])  # noqa: S606, S607 - no shell; wherever it is
