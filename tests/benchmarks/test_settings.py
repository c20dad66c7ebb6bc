"""With which settings the benchmark starts an authority."""

import pytest

from benchmarks.settings import (
    BEST,
    DEFAULTS,
    EXAMPLE,
    SETTINGS,
    effective_settings,
)
from swpt_accounts.settings.description import SETTINGS as DESCRIBED

REQUIRED = {"POSTGRES_URL": "postgresql+psycopg://u:p@localhost/d"}


@pytest.mark.parametrize("name", [DEFAULTS, EXAMPLE, BEST])
def test_the_program_takes_all_of_them(name: str) -> None:
    known = {setting.variable for setting in DESCRIBED.values()}
    assert set(SETTINGS[name]) <= known
    settings = effective_settings({**REQUIRED, **SETTINGS[name]})
    found = {variable: getattr(settings, variable.lower()) for variable in SETTINGS[name]}
    assert {v: str(value) for v, value in found.items()} == SETTINGS[name]
