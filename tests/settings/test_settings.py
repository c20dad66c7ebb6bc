"""Reading the settings."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.settings import (
    Settings,
    SettingsError,
    load_settings,
    misspelt_settings,
)
from swpt_accounts.settings.description import SETTINGS
from swpt_accounts.workers.setting_warnings import slow_settings

ROOT = Path(__file__).parents[2]

DEFAULTS: dict[str, Any] = {
    "WEBSERVER_PROCESSES": 1,
    "WEBSERVER_THREADS": 3,
    "WEBSERVER_PORT": 8080,
    "FETCH_API_URL": None,
    "POSTGRES_URL": None,
    "SQLALCHEMY_DATABASE_URI": None,
    "POSTGRES_RUNNING_ROLE": None,
    "POSTGRES_READING_ROLE": None,
    "PROTOCOL_BROKER_URL": "amqp://guest:guest@localhost:5672",
    "PROTOCOL_BROKER_MANAGEMENT_URL": None,
    "PROTOCOL_BROKER_QUEUE": "swpt_accounts",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "#",
    "PROTOCOL_BROKER_SHARD_USERS": None,
    "PROTOCOL_BROKER_PROCESSES": 1,
    "PROTOCOL_BROKER_THREADS": 1,
    "PROTOCOL_BROKER_PREFETCH_COUNT": 250,
    "PROTOCOL_BROKER_PREFETCH_SIZE": 0,
    "CHORES_BROKER_URL": "amqp://guest:guest@localhost:5672",
    "CHORES_BROKER_QUEUE": "swpt_accounts_chores",
    "CHORES_BROKER_PROCESSES": 1,
    "CHORES_BROKER_THREADS": 1,
    "CHORES_BROKER_PREFETCH_COUNT": 100,
    "CHORES_BROKER_PREFETCH_SIZE": 0,
    "CONSOLE_PORT": 8082,
    "CONSOLE_ADDRESS": "127.0.0.1",
    "CONSOLE_TOKEN": None,
    "CONSOLE_USER_HEADER": None,
    "CONSOLE_PROXY_ADDRESSES": "127.0.0.1 ::1",
    "CONSOLE_ACTIONS_TOKEN": None,
    "CONSOLE_ACTIONS_POSTGRES_URL": None,
    "CONSOLE_ACTIONS_BROKER_URL": None,
    "FLUSH_PROCESSES": 1,
    "FLUSH_PERIOD": 2.0,
    "PROCESS_TRANSFER_REQUESTS_THREADS": 1,
    "PROCESS_FINALIZATION_REQUESTS_THREADS": 1,
    "PROCESS_BALANCE_CHANGES_THREADS": 1,
    "DELETE_PARENT_SHARD_RECORDS": False,
    "JOURNAL_DAYS": 0,
    "REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": datetime(1970, 1, 1, tzinfo=UTC),
    "APP_LOG_LEVEL": "warning",
    "APP_LOG_FORMAT": "text",
    "APP_OPENTELEMETRY": False,
    "METRICS_PORT": 0,
    "STATE_DIR": "/tmp/swpt_accounts",
    "NODEDATA_DIR": "",
    "SETUP_RABBITMQ_BINDINGS": False,
    "MOVE_IN_FROM_REFERENCE": False,
    "SUBSTITUTE_LOCALHOST_IN_VARS": "",
    "APP_PROCESS_BALANCE_CHANGES_WAIT": 2.0,
    "APP_PROCESS_BALANCE_CHANGES_MAX_COUNT": 1000,
    "APP_PROCESS_TRANSFER_REQUESTS_WAIT": 2.0,
    "APP_PROCESS_TRANSFER_REQUESTS_MAX_COUNT": 1000,
    "APP_PROCESS_FINALIZATION_REQUESTS_WAIT": 2.0,
    "APP_PROCESS_FINALIZATION_REQUESTS_MAX_COUNT": 1000,
    "APP_FLUSH_REJECTED_TRANSFERS_BURST_COUNT": 250,
    "APP_FLUSH_PREPARED_TRANSFERS_BURST_COUNT": 250,
    "APP_FLUSH_FINALIZED_TRANSFERS_BURST_COUNT": 250,
    "APP_FLUSH_ACCOUNT_TRANSFERS_BURST_COUNT": 250,
    "APP_FLUSH_ACCOUNT_UPDATES_BURST_COUNT": 250,
    "APP_FLUSH_ACCOUNT_PURGES_BURST_COUNT": 250,
    "APP_FLUSH_REJECTED_CONFIGS_BURST_COUNT": 250,
    "APP_FLUSH_PENDING_BALANCE_CHANGES_BURST_COUNT": 250,
    "APP_INTRANET_EXTREME_DELAY_DAYS": 14.0,
    "APP_MESSAGE_MAX_DELAY_DAYS": 7.0,
    "APP_ACCOUNT_HEARTBEAT_DAYS": 7.0,
    "APP_PREPARED_TRANSFER_REMAINDER_DAYS": 7.0,
    "APP_PREPARED_TRANSFER_MAX_DELAY_DAYS": 90.0,
    "APP_MIN_INTEREST_CAPITALIZATION_DAYS": 14.0,
    "APP_MAX_INTEREST_TO_PRINCIPAL_RATIO": 0.0001,
    "APP_DELETION_ATTEMPTS_MIN_DAYS": 14.0,
    "APP_PROMPT_ACCOUNT_UPDATES": True,
    "APP_ACCOUNTS_SCAN_HOURS": 8.0,
    "APP_ACCOUNTS_SCAN_BLOCKS_PER_QUERY": 40,
    "APP_ACCOUNTS_SCAN_BEAT_MILLISECS": 100,
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": 1.0,
    "APP_PREPARED_TRANSFERS_SCAN_BLOCKS_PER_QUERY": 40,
    "APP_PREPARED_TRANSFERS_SCAN_BEAT_MILLISECS": 100,
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": 7.0,
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_BLOCKS_PER_QUERY": 40,
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_BEAT_MILLISECS": 100,
    "APP_FETCH_API_TIMEOUT_SECONDS": 5.0,
    "APP_FETCH_DNS_CACHE_SECONDS": 10.0,
    "APP_FETCH_REACHABLE_CACHE_SECONDS": 3600.0,
    "APP_FETCH_CONNECTIONS": 100,
    "APP_FETCH_DATA_CACHE_SIZE": 1000,
    "APP_VERIFY_SHARD_YIELD_PER": 10_000,
    "APP_VERIFY_SHARD_SLEEP_SECONDS": 0.005,
}


def load(name: str, text: str, **others: str) -> Any:
    return getattr(load_settings({name: text, **others}), name.lower())


def refuse(name: str, text: str, **others: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: text, **others})
    line = str(caught.value)
    assert line.startswith(f"{name} is ")
    assert "must be" in line
    assert line.isprintable()
    assert len(line) < 400
    return line


def names_of(kind: type) -> list[str]:
    return [name for name, default in DEFAULTS.items() if type(default) is kind]


def test_defaults() -> None:
    settings = load_settings({})
    found = {name.upper(): getattr(settings, name) for name in settings.__struct_fields__}
    assert found == DEFAULTS
    assert settings == Settings()
    for name, value in DEFAULTS.items():
        assert type(found[name]) is type(value)


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        load_settings({}).flush_period = 3.0  # type: ignore[misc]


NEVER_EMPTY = "PROTOCOL_BROKER_QUEUE_ROUTING_KEY"


def test_empty_is_not_set() -> None:
    for name in [name for name in DEFAULTS if name != NEVER_EMPTY]:
        assert load(name, "") == DEFAULTS[name]
        assert load(name, " \t") == DEFAULTS[name]


@pytest.mark.parametrize("empty", ["", " \t"])
def test_an_empty_routing_key_is_not_that_of_all_accounts(empty: str) -> None:
    """A shard whose variable was not filled in would take the messages of the others."""
    with pytest.raises(SettingsError, match=f"{NEVER_EMPTY} is '', but must be .* not empty"):
        load(NEVER_EMPTY, empty)


def test_other_variables_do_not_matter() -> None:
    assert load_settings({"PATH": "/bin", "APP_UNKNOWN": "x", "flush_period": "-1"}) == Settings()


def test_spaces_around_a_value_do_not_matter() -> None:
    assert load("FLUSH_PERIOD", " 1.5 ") == 1.5


# --- Integers ---

PROCESSES = [name for name in names_of(int) if name.endswith("_PROCESSES")]
ZERO_IS_FINE = ["JOURNAL_DAYS", "METRICS_PORT", *PROCESSES]
CAPPED = ("_MAX_COUNT", "_BURST_COUNT")
# Where 0 lets the program choose.
CHOSEN = [
    n for n in names_of(int) if n.endswith((*CAPPED, "_THREADS", "_PREFETCH_COUNT", "_CACHE_SIZE"))
]


@pytest.mark.parametrize("name", names_of(int))
def test_integers(name: str) -> None:
    value = 0 if name.endswith("_PREFETCH_SIZE") else 7
    assert load(name, str(value)) == value
    assert type(load(name, str(value))) is int
    for text in (
        "-1",
        "1.0",
        "1.5",
        "1e2",
        "abc",
        "1 2",
        "1__0",
        "0x1",
        "true",
        "9" * 5000,
    ):
        if text != "-1" or name not in PROCESSES:
            refuse(name, text)


@pytest.mark.parametrize(
    ("text", "value"), [("1_0", 10), ("+10", 10), ("010", 10), ("\t10 ", 10), ("\u0661", 1)]
)
def test_integers_are_read_as_python_reads_them(text: str, value: int) -> None:
    assert load("WEBSERVER_THREADS", text) == value


@pytest.mark.parametrize("name", PROCESSES)
def test_fewer_processes_than_none_are_none(name: str) -> None:
    assert load(name, "-1") == 0
    assert load(name, str(-(10**30))) == 0
    refuse(name, "1001")


@pytest.mark.parametrize("name", names_of(int))
def test_zero(name: str) -> None:
    if name in ZERO_IS_FINE or name.endswith("_PREFETCH_SIZE"):
        assert load(name, "0") == 0
    elif name in CHOSEN:
        assert load(name, "0") == DEFAULTS[name]
    elif name == "APP_FETCH_CONNECTIONS":
        assert load(name, "0") == 500
    else:
        refuse(name, "0")


@pytest.mark.parametrize("name", [n for n in names_of(int) if n.endswith(CAPPED)])
def test_more_than_the_cap_counts_as_the_cap(name: str) -> None:
    cap = DEFAULTS[name]
    for value in (cap - 1, cap):
        assert load(name, str(value)) == value
    for value in (cap + 1, 50_000, 1_000_000):
        assert load(name, str(value)) == cap
    refuse(name, "1000001")


@pytest.mark.parametrize(
    ("name", "high"),
    [
        ("WEBSERVER_PORT", 65535),
        ("WEBSERVER_THREADS", 1000),
        ("PROTOCOL_BROKER_PROCESSES", 1000),
        ("PROTOCOL_BROKER_PREFETCH_COUNT", 65535),
        ("PROTOCOL_BROKER_PREFETCH_SIZE", 0),
        ("APP_ACCOUNTS_SCAN_BEAT_MILLISECS", 60_000),
    ],
)
def test_greatest_integers(name: str, high: int) -> None:
    assert load(name, str(high)) == high
    refuse(name, str(high + 1))


# --- Numbers ---


@pytest.mark.parametrize("name", names_of(float))
def test_numbers(name: str) -> None:
    for text in ("nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1", "-0.001", "1e6"):
        refuse(name, text)
    for text in ("abc", "1,5", "1 2", "0x1", "true", "", "1s"):
        if text:
            refuse(name, text)
    value = DEFAULTS[name]
    assert load(name, repr(value)) == value
    assert type(load(name, f"{value:g}")) is float


@pytest.mark.parametrize(
    "name",
    [
        "APP_ACCOUNT_HEARTBEAT_DAYS",
        "APP_MAX_INTEREST_TO_PRINCIPAL_RATIO",
        "APP_ACCOUNTS_SCAN_HOURS",
        "APP_PREPARED_TRANSFERS_SCAN_DAYS",
        "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS",
    ],
)
def test_above_zero(name: str) -> None:
    refuse(name, "0")
    refuse(name, "0.0")
    refuse(name, "-0.0")
    assert load(name, "0.00002") == 0.00002


@pytest.mark.parametrize(
    "name",
    [
        *("APP_INTRANET_EXTREME_DELAY_DAYS", "APP_MESSAGE_MAX_DELAY_DAYS"),
        *("APP_PREPARED_TRANSFER_REMAINDER_DAYS", "APP_MIN_INTEREST_CAPITALIZATION_DAYS"),
        *("APP_DELETION_ATTEMPTS_MIN_DAYS", "APP_FETCH_DNS_CACHE_SECONDS"),
        *("APP_FETCH_REACHABLE_CACHE_SECONDS", "APP_VERIFY_SHARD_SLEEP_SECONDS"),
    ],
)
def test_zero_numbers(name: str) -> None:
    assert load(name, "0") == 0.0
    assert load(name, "-0.0") == 0.0


@pytest.mark.parametrize(
    "name",
    [
        "FLUSH_PERIOD",
        "APP_PROCESS_BALANCE_CHANGES_WAIT",
        "APP_PROCESS_TRANSFER_REQUESTS_WAIT",
        "APP_PROCESS_FINALIZATION_REQUESTS_WAIT",
    ],
)
def test_no_wait_is_a_short_one(name: str) -> None:
    """A database that is asked without a pause has no time left for work."""
    for text in ("0", "0.0", "0.0001", "0.05"):
        assert load(name, text) == 0.05
    assert load(name, "0.051") == 0.051


def test_no_time_limit_is_the_longest() -> None:
    assert load("APP_FETCH_API_TIMEOUT_SECONDS", "0") == 120.0
    assert load("APP_FETCH_API_TIMEOUT_SECONDS", "0.00002") == 0.00002


@pytest.mark.parametrize(
    ("name", "highest", "too_high"),
    [
        ("APP_ACCOUNT_HEARTBEAT_DAYS", "14", "14.01"),
        ("APP_MIN_INTEREST_CAPITALIZATION_DAYS", "92", "92.01"),
        ("APP_ACCOUNTS_SCAN_HOURS", "48", "48.01"),
        ("APP_MAX_INTEREST_TO_PRINCIPAL_RATIO", "0.1", "0.1001"),
        ("APP_FETCH_API_TIMEOUT_SECONDS", "120", "121"),
    ],
)
def test_greatest_numbers(name: str, highest: str, too_high: str) -> None:
    assert load(name, highest) == float(highest)
    refuse(name, too_high)


# --- Rules between settings ---


def test_the_commit_period_is_longer_than_any_delay() -> None:
    name = "APP_PREPARED_TRANSFER_MAX_DELAY_DAYS"
    assert load(name, "30") == 30.0
    refuse(name, "29.9")
    for delay in ("APP_MESSAGE_MAX_DELAY_DAYS", "APP_INTRANET_EXTREME_DELAY_DAYS"):
        assert load(name, "40", **{delay: "40"}) == 40.0
        refuse(name, "40", **{delay: "40.1"})
        with pytest.raises(SettingsError, match=rf"^{name} is '90', but .* {delay}"):
            load_settings({delay: "90.5"})


def test_the_archive_threshold_lies_in_the_past() -> None:
    name = "REMOVE_FROM_ARCHIVE_THRESHOLD_DATE"
    now = datetime.fromtimestamp(time.time(), UTC)

    def before(days: float) -> str:
        return (now - timedelta(days=days)).isoformat()

    assert load(name, before(14.001))
    line = refuse(name, before(13.999))
    assert "APP_INTRANET_EXTREME_DELAY_DAYS" in line
    assert load(name, before(2.001), APP_INTRANET_EXTREME_DELAY_DAYS="2")
    refuse(name, before(1.999), APP_INTRANET_EXTREME_DELAY_DAYS="2")
    refuse(name, before(29.999), APP_INTRANET_EXTREME_DELAY_DAYS="30")
    refuse(name, before(-1))
    refuse(name, "9999-12-31")


# --- Dates, words, switches ---


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2022-07-30", datetime(2022, 7, 30, tzinfo=UTC)),
        ("2022-07-30T18:59:59Z", datetime(2022, 7, 30, 18, 59, 59, tzinfo=UTC)),
        ("2022-07-30T18:59:59", datetime(2022, 7, 30, 18, 59, 59, tzinfo=UTC)),
        ("2022-07-30T18:59:59+02:00", datetime(2022, 7, 30, 16, 59, 59, tzinfo=UTC)),
        ("2022-07-30 18:59", datetime(2022, 7, 30, 18, 59, tzinfo=UTC)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    found = load("REMOVE_FROM_ARCHIVE_THRESHOLD_DATE", text)
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2022", "2022-07", "2022-02-30", "30.07.2022", "0", "0001-01-01T00:00+01:00"],
)
def test_not_a_moment(text: str) -> None:
    refuse("REMOVE_FROM_ARCHIVE_THRESHOLD_DATE", text)


# What it switches on can be done later; so nonsense may mean no.
LENIENT = "SETUP_RABBITMQ_BINDINGS"


@pytest.mark.parametrize("name", names_of(bool))
def test_switches(name: str) -> None:
    for text in ("true", "True", "TRUE", "yes", "Yes", "1", "on", "ON"):
        assert load(name, text) is True
    for text in ("false", "False", "no", "NO", "0", "off", "Off"):
        assert load(name, text) is False
    for text in ("maybe", "2", "-1", "t", "y", "none", "truefalse"):
        if name == LENIENT:
            assert load(name, text) is False
        else:
            refuse(name, text)


def test_words() -> None:
    for text in (
        *("debug", "info", "warning", "error", "INFO", "Warning"),
        *("critical", "FATAL", "warn", "notset"),
    ):
        assert load("APP_LOG_LEVEL", text) == text.lower()
    for text in ("text", "json", "JSON"):
        assert load("APP_LOG_FORMAT", text) == text.lower()
    for text in ("loud", "infos", "30"):
        refuse("APP_LOG_LEVEL", text)
    for text in ("xml", "js"):
        refuse("APP_LOG_FORMAT", text)


def test_the_error_tells_the_words() -> None:
    assert refuse("APP_LOG_FORMAT", "xml") == (
        "APP_LOG_FORMAT is 'xml', but must be one of json, text"
    )


def test_names_of_variables() -> None:
    name = "SUBSTITUTE_LOCALHOST_IN_VARS"
    assert load(name, "POSTGRES_URL CHORES_BROKER_URL") == "POSTGRES_URL CHORES_BROKER_URL"
    refuse(name, "POSTGRES_URL; reboot")


# --- Queues and realms ---


@pytest.mark.parametrize("name", ["PROTOCOL_BROKER_QUEUE", "CHORES_BROKER_QUEUE"])
def test_queue_names(name: str) -> None:
    for text in ("q", "a.b-c_d", "x" * 250, "amq"):
        assert load(name, text) == text
    for text in ("x" * 251, "a b", "й", "a\nb", "a\0b", "amq.gen-1"):
        refuse(name, text)


def test_realm() -> None:
    name = "PROTOCOL_BROKER_QUEUE_ROUTING_KEY"
    for text in ("#", "0.#", "1.#", "0.1.#", "1." * 20 + "#"):
        settings = load_settings({name: text})
        assert settings.protocol_broker_queue_routing_key == text
        assert str(settings.realm) == text
        assert settings.realm is settings.realm
    for text in ("0", "0.1", "2.#", "01.#", "#.#", "*", "0.*.#", "1." * 21 + "#"):
        refuse(name, text)


# --- URLs ---

DATABASE_URL = "postgresql+psycopg://user:secret@db.example.com:5433/test"


@pytest.mark.parametrize("name", ["POSTGRES_URL", "SQLALCHEMY_DATABASE_URI"])
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (DATABASE_URL, DATABASE_URL),
        (DATABASE_URL.replace("+psycopg", ""), DATABASE_URL),
        ("postgresql+psycopg:///db?host=/run/pg", "postgresql+psycopg:///db?host=/run/pg"),
        ("postgresql://u@[::1]:5432/db", "postgresql+psycopg://u@[::1]:5432/db"),
    ],
)
def test_database_url(name: str, url: str, expected: str) -> None:
    assert load(name, url) == url
    assert load_settings({name: url}).database_url == expected


def test_the_database_has_two_names() -> None:
    settings = load_settings(
        {"POSTGRES_URL": "postgresql://one/db", "SQLALCHEMY_DATABASE_URI": "postgresql://two/db"}
    )
    assert settings.database_url == "postgresql+psycopg://two/db"
    with pytest.raises(SettingsError, match="POSTGRES_URL, or SQLALCHEMY_DATABASE_URI"):
        _ = load_settings({}).database_url


@pytest.mark.parametrize("name", ["PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"])
@pytest.mark.parametrize(
    "url",
    [
        "amqp://localhost",
        "amqp://guest:guest@localhost:5672",
        "amqps://u:p@mq.example.com:5671/%2F",
        "amqp://u:p@[::1]/vhost?heartbeat=5",
    ],
)
def test_broker_urls(name: str, url: str) -> None:
    assert load(name, url) == url


@pytest.mark.parametrize(
    "url", ["http://localhost", "https://api.example.com:8443/base/", "http://[::1]:8080"]
)
def test_fetch_api_urls(url: str) -> None:
    assert load("FETCH_API_URL", url) == url


SCHEMES = {
    "FETCH_API_URL": "http",
    "PROTOCOL_BROKER_URL": "amqp",
    "CHORES_BROKER_URL": "amqp",
    "POSTGRES_URL": "postgresql",
    "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg",
}


@pytest.mark.parametrize("name", SCHEMES)
def test_wrong_urls_are_refused_with_no_password_shown(name: str) -> None:
    for url in [
        *("user:secret", "secret@", "localhost:8080", "user:secret@localhost"),
        *("//user:secret@localhost", "{scheme}:user:secret@localhost"),
        *("{scheme}:/user:secret@localhost", "ftp://user:secret@localhost/path"),
        *("postgresql+psycopg2://user:secret@localhost/db", "mysql://user:secret@localhost"),
        *("{scheme}://user:secret", "{scheme}://user:secret@localhost:port"),
        *("{scheme}://user:secret@localhost:99999", "{scheme}://user:secret@localhost:0"),
        *("{scheme}://user:secret@[::1", "{scheme}://user:secret@local host"),
        *("{scheme}://user:secret@localhost\n:5432", "{scheme}://user:sec@secret@localhost:port"),
        "{scheme}://user:sec://secret@localhost:port",
        "{scheme}://user:secret/secret@localhost:port?password=secret",
        *("{scheme}://localhost:99999/?password=secret", "{scheme}:// secret"),
        *("{scheme}://user:12#secret@localhost", "{scheme}://user:12?secret@localhost"),
        "{scheme}://user:12/secret@localhost",
    ]:
        line = refuse(name, url.format(scheme=SCHEMES[name]))
        assert "secret" not in line
        assert "a URL that begins with" in line


@pytest.mark.parametrize(
    "rest", ["user:secr%et@db/x", "user:secret%00@db/x", "user@db/x?password=%secret"]
)
def test_what_libpq_could_not_decode_and_would_show(rest: str) -> None:
    assert "secret" not in refuse("POSTGRES_URL", f"postgresql+psycopg://{rest}")


@pytest.mark.parametrize("name", ["FETCH_API_URL", "PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"])
def test_a_url_has_a_host(name: str) -> None:
    refuse(name, f"{SCHEMES[name]}://")
    refuse(name, f"{SCHEMES[name]}:///path")


def test_the_error_tells_what_is_harmless() -> None:
    assert refuse("PROTOCOL_BROKER_URL", "http://user:secret@mq.example.com:5672/x") == (
        "PROTOCOL_BROKER_URL is 'http://***@mq.example.com:5672/x',"
        " but must be a URL that begins with amqp:// or amqps://; a special symbol in a password,"
        " such as `%`, `@` or `#`, has to be percent-encoded; `ssl_options`, if there, is a"
        " dictionary with `ca_certs`"
    )


def test_an_address_in_the_place_of_something_else_is_masked() -> None:
    for name in DEFAULTS.keys() - {LENIENT}:
        for text in ("amqp+x://user:secret@mq.example.com / x", "user:secret@mq.example.com / x"):
            assert "secret" not in refuse(name, text)


@pytest.mark.parametrize(
    "rest",
    [
        "user@localhost",
        "localhost?ssl_options=secret",
        "localhost?ssl_options=%5B%5D",
        "localhost?ssl_options=%7B%27certfile%27%3A",
        "localhost?ssl_options=exit()",
        "localhost?ssl_options=%7B%7D",
        "localhost?ssl_options=%7B%27certfile%27%3A%27secret%27%7D",
        "localhost?ssl_options=%7B%27ca_certs%27%3A%27%27%7D",
        "localhost?ssl_options=%7B%27ca_certs%27%3A%27/run/ca.crt%27%2C%27certfile%27%3A5%7D",
        "localhost?ssl_options=%7B%5B%5D%3A5%7D",
    ],
)
def test_broker_urls_that_pika_would_not_understand(rest: str) -> None:
    assert "secret" not in refuse("PROTOCOL_BROKER_URL", f"amqps://{rest}")


def test_symbols_that_are_encoded_are_fine() -> None:
    options = "%7B%27ca_certs%27%3A%27/run/ca.crt%27%2C%27certfile%27%3A%27/run/w.crt%27%7D"
    url = f"amqps://us%40er:p%25%23%2F%3F%40w@mq.example.com:5671/%2F?ssl_options={options}"
    assert load("PROTOCOL_BROKER_URL", url) == url
    url = "postgresql+psycopg://u:p%25%40@db/x?sslmode=verify-full&sslrootcert=/run/ca.crt"
    assert load("POSTGRES_URL", url) == url


# --- All of them ---


def test_every_rule_refuses_something() -> None:
    for name in sorted(DEFAULTS.keys() - {LENIENT}):
        refuse(name, "\x01;")


@given(st.sampled_from(sorted(DEFAULTS)), st.text())
def test_any_text_is_either_a_value_or_one_line(name: str, text: str) -> None:
    try:
        settings = load_settings({name: text})
    except SettingsError:
        refuse(name, text)
    else:
        assert isinstance(settings, Settings)


def test_everything_is_documented() -> None:
    assert [setting.variable for setting in SETTINGS.values()] == list(DEFAULTS)
    for setting in SETTINGS.values():
        assert setting.rule
        assert setting.doc.endswith((".", "`."))
        assert "|" not in setting.doc + setting.rule
        assert load(setting.variable, setting.default_text) == DEFAULTS[setting.variable]


# --- Values that cost most of the speed ---


@pytest.mark.parametrize(
    ("name", "slow", "fast"),
    [
        ("PROTOCOL_BROKER_PREFETCH_COUNT", ("1", "2", "10"), ("0", "11", "250", "65535")),
        ("APP_FLUSH_PREPARED_TRANSFERS_BURST_COUNT", ("1", "10"), ("0", "11", "5000")),
    ],
)
def test_slow_values_are_named(name: str, slow: tuple[str, ...], fast: tuple[str, ...]) -> None:
    for text in slow:
        (line,) = slow_settings(load_settings({name: text}), (name.lower(),)).values()
        assert line.startswith(f"{name} is {text}, ")
        assert str(DEFAULTS[name]) in line
        page, _, section = line.rpartition(" ")[2].partition("#")
        text_of_page = (ROOT / page).read_text(encoding="utf-8")
        assert f"## {section.replace('-', ' ')}" in text_of_page.lower()
        assert f"`{name}`" in text_of_page
    for text in fast:
        assert slow_settings(load_settings({name: text}), (name.lower(),)) == {}


def test_defaults_are_not_slow() -> None:
    assert slow_settings(load_settings({}), ("",)) == {}


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("FLUSH_PROCESES", "FLUSH_PROCESSES"),
        ("flush_processes", "FLUSH_PROCESSES"),
        ("PROTOCOL_BROKER_QUEUE_ROUTINGKEY", "PROTOCOL_BROKER_QUEUE_ROUTING_KEY"),
        ("APP_LOGLEVEL", "APP_LOG_LEVEL"),
        ("FLUSH_PROCESSES", None),
        ("POSTGRES_URL_FILE", None),
        ("POSTGRES_USER", None),
        ("CONSOLE_ADDRESS", None),
    ],
)
def test_variables_that_are_almost_settings(variable: str, meant: str | None) -> None:
    assert misspelt_settings({"PATH": "", variable: "2"}) == ({variable: meant} if meant else {})


def test_what_kubernetes_sets_for_a_service_is_not_meant_for_us() -> None:
    assert misspelt_settings({"WEB_SERVER_PORT": "tcp://10.0.0.1:80"}) == {}
