"""development.env shows all settings, with their defaults."""

import re
from pathlib import Path

import pytest

from swpt_accounts.settings import load_settings
from swpt_accounts.settings.description import SETTINGS

ROOT = Path(__file__).parents[2]
ASSIGNMENT = re.compile(r"^#? ?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)

# Where the development servers are, and what suits development.
OWN_VALUES = {
    "APP_LOG_LEVEL",
    "CHORES_BROKER_URL",
    "FETCH_API_URL",
    "JOURNAL_DAYS",
    "POSTGRES_URL",
    "PROTOCOL_BROKER_URL",
    "SETUP_RABBITMQ_BINDINGS",
    "SUBSTITUTE_LOCALHOST_IN_VARS",
}


@pytest.fixture(scope="module")
def development() -> dict[str, str]:
    text = (ROOT / "development.env").read_text(encoding="utf-8")
    return dict(ASSIGNMENT.findall(text))


def test_development_env_names_every_setting(development: dict[str, str]) -> None:
    known = {setting.variable for setting in SETTINGS.values()}
    assert set(development) | {"SQLALCHEMY_DATABASE_URI"} == known


def test_development_env_is_right(development: dict[str, str]) -> None:
    settings = load_settings(development)
    assert settings.database_url == development["POSTGRES_URL"]


def test_development_env_shows_the_defaults(development: dict[str, str]) -> None:
    shown = load_settings({k: v for k, v in development.items() if k not in OWN_VALUES})
    assert shown == load_settings({})


def test_development_env_sets_nothing_that_the_defaults_do_well() -> None:
    text = (ROOT / "development.env").read_text(encoding="utf-8")
    assert set(re.findall(r"^([A-Z0-9_]+)=", text, re.MULTILINE)) == OWN_VALUES
