"""The reference pages have what the program has. (Sphinx follows the links between pages.)"""

import re
from pathlib import Path

from scripts.reference import TABLES
from swpt_accounts.cli.group import MODULES
from swpt_accounts.db.tables import Base
from swpt_accounts.observability.events.catalogue import EVENTS
from swpt_accounts.observability.metrics.definitions import METRICS, PREFIX
from swpt_accounts.settings.description import SETTINGS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

# What differences.md tells of another program.
SETTINGS_OF_OTHERS = {
    *("APP_USE_PGPLSQL_FUNCTIONS", "APP_ASSOCIATED_LOGGERS"),  # the reference's
    # those of the STOMP server
    *("APP_PEERS_CACHE_SECONDS", "APP_PEERS_CHECK_SECONDS", "APP_MAX_CONNECTIONS_PER_PEER"),
}


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(name: str) -> dict[str, str]:
    """The sections of a page whose heading is a name in code, up to the next heading."""
    _, *parts = re.split(r"^#+ +(.+?) *$", read(name), flags=re.MULTILINE)
    return {
        heading.strip("`"): text
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
        if heading.startswith("`")
    }


def first_cells(table: str) -> list[str]:
    return re.findall(r"^\| `(.+?)`", table, re.MULTILINE)


def test_tables_have_everything_that_the_program_describes() -> None:
    settings = [*first_cells(TABLES["settings"]()), *first_cells(TABLES["internal_settings"]())]
    assert sorted(settings) == sorted(setting.variable for setting in SETTINGS.values())
    assert first_cells(TABLES["events"]()) == list(EVENTS)
    metrics = {PREFIX + name.removesuffix("_bucket") for name in first_cells(TABLES["metrics"]())}
    assert metrics == {metric.full_name for metric in METRICS}
    places = (re.findall(r"^<!-- table: (\w+) -->$", page.read_text(), re.M) for page in PAGES)
    assert sorted(name for names in places for name in names) == sorted(TABLES)


def test_the_readme_is_short_and_shows_pictures_that_are_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 120
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert len(pictures) == 2
    assert all((ROOT / name).is_file() for name in pictures)


def test_every_command_is_documented_once() -> None:
    page = read("reference/commands.md").partition("## Queues and exchanges")[2]
    for name in MODULES:
        assert f"`{name}`" in page, name
    headings = re.findall(r"^### `(\w+)`$", page, re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) <= set(MODULES)


def test_every_column_is_documented() -> None:
    described = sections("reference/database.md")
    documented = {name: set(re.findall(r"`(\w+)`", text)) for name, text in described.items()}
    tables = {name: table for name, table in Base.metadata.tables.items() if "_signal" not in name}
    for name, table in tables.items():
        assert set(table.columns.keys()) <= documented.pop(name), name
    assert not documented


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {setting.variable for setting in SETTINGS.values()} | SETTINGS_OF_OTHERS
    name = r"`\$?((?:APP|CHORES|FETCH|FLUSH|PROCESS|PROTOCOL|WEBSERVER)_[A-Z0-9_]+)`"
    for page in PAGES:
        assert set(re.findall(name, page.read_text(encoding="utf-8"))) <= known, page


PATH = re.compile(r"docs/[\w/-]+\.md(?:#[\w-]+)?")
NAMING = [
    *(ROOT / "swpt_accounts").rglob("*.py"),
    *(ROOT / "docker").rglob("*.sh"),
    *(ROOT / "deploy").rglob("*.yaml"),
]


def test_pages_that_the_program_names_exist() -> None:
    for named in sorted({name for path in NAMING for name in PATH.findall(path.read_text())}):
        path, _, anchor = named.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
        assert not anchor or anchor in anchors


_COMMAND = re.compile(r"^ {4,}(?:[A-Z_]+=\S+ )*([.\w/]+ .*)$", re.M)
_PASSWORD = re.compile(
    r"://[^/@\s]*:[^/@\s]+@|[?&]password=|rabbitmqctl (add_user|change_password) \S+ +[^\s#]"
)


def test_no_command_has_a_password_among_its_arguments() -> None:
    """Every user of a machine can read the arguments of its processes; variables are its own."""
    commands = [command for page in PAGES for command in _COMMAND.findall(page.read_text())]
    assert [command for command in commands if _PASSWORD.search(command)] == []
