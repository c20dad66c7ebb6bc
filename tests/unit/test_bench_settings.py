"""With which settings the benchmark starts an authority."""

import pytest

from benchmarks.settings import (
    BEST,
    DEFAULTS,
    EXAMPLE,
    SETTINGS,
    effective_settings,
    environment_with,
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


def test_the_defaults_are_those_of_the_program() -> None:
    assert SETTINGS[DEFAULTS] == {}


def test_settings_of_the_environment_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROTOCOL_BROKER_PREFETCH_COUNT", "77")
    monkeypatch.setenv("SQLALCHEMY_DATABASE_URI", "x")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    environment = environment_with({"FLUSH_PERIOD": "1"}, {"FLUSH_PERIOD": "3"})
    assert "PROTOCOL_BROKER_PREFETCH_COUNT" not in environment
    assert "SQLALCHEMY_DATABASE_URI" not in environment
    assert environment["SOMETHING_ELSE"] == "kept"
    assert environment["FLUSH_PERIOD"] == "3"
