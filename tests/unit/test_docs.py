"""The documents agree with the program, and their links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
import yaml

from scripts.settings_reference import settings_reference
from swpt_accounts.broker import topology
from swpt_accounts.chores import tasks
from swpt_accounts.cli import swpt_accounts as group
from swpt_accounts.db.tables import Base
from swpt_accounts.smp import decoder, outgoing

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
README_LINES_MAX = 120
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
NAV = re.compile(r"^nav:\n.*", re.MULTILINE | re.DOTALL)
SETTING_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| (?:`(.*?)`|none) \|", re.MULTILINE)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return FENCE.sub("", read(page))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as the hosts of repositories make them."""
    kept = (re.sub(r"[^\w\- ]", "", h.lower()) for h in HEADING.findall(prose(page)))
    return {h.replace(" ", "-") for h in kept}


def sections(page: Path) -> dict[str, str]:
    """The sections whose heading is a name in code, up to the next heading of any level."""
    parts = re.split(r"^#+ +(.+?) *$", prose(page), flags=re.MULTILINE)
    names = (heading.strip("`") if heading.startswith("`") else "" for heading in parts[1::2])
    return {name: text for name, text in zip(names, parts[2::2], strict=True) if name}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in LINK.findall(prose(page)):
            if not re.match(r"https?://", target):
                yield page, target


def linked_pages(page: Path) -> set[Path]:
    return {
        (page.parent / unquote(target.partition("#")[0])).resolve()
        for source, target in links()
        if source == page
    }


@pytest.mark.parametrize(
    ("page", "target"), [pytest.param(p, t, id=f"{p.name}:{t}") for p, t in links()]
)
def test_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    found = (page.parent / unquote(path)).resolve() if path else page
    assert found.exists()
    assert found.is_relative_to(ROOT)
    if anchor:
        index = found / "README.md" if found.is_dir() else found
        assert anchor in anchors(index)


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    missing = set(DOCS.rglob("*.md")) - linked_pages(index) - {index}
    assert not missing


def paths(nav: object) -> Iterator[str]:
    """The pages of a nav of mkdocs: texts in lists, and in the values of mappings."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from paths(list(nav.values()))
    else:
        assert isinstance(nav, list)
        for entry in nav:
            yield from paths(entry)


def test_every_page_is_in_the_nav_of_the_site() -> None:
    found = NAV.search(read(ROOT / "mkdocs.yml"))
    assert found
    nav = list(paths(yaml.safe_load(found[0])["nav"]))
    here = [name for name in nav if not name.startswith("repository/")]
    assert sorted(here) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_the_readme_is_short() -> None:
    assert len(read(ROOT / "README.md").splitlines()) <= README_LINES_MAX


@pytest.mark.parametrize("command", ["./dev up", "./dev test"])
def test_the_readme_has_the_commands_for_a_checkout(command: str) -> None:
    assert re.search(rf"^    {command} +# \w", read(ROOT / "README.md"), re.MULTILINE)


def test_every_decision_has_its_number_and_its_parts() -> None:
    for number, page in enumerate(sorted((DOCS / "decisions").glob("*.md")), start=1):
        assert page.name.startswith(f"{number:04}-")
        assert [HEADING.findall(read(page))[0].split(".")[0]] == [str(number)]
        assert HEADING.findall(read(page))[1:] == ["Context", "Decision", "Consequences"]


# -- commands -----------------------------------------------------------------

COMMANDS = sections(DOCS / "reference" / "commands.md")
COMMAND_NAMES = group.list_commands(click.Context(group))


def test_every_command_has_a_section() -> None:
    assert set(COMMANDS) == set(COMMAND_NAMES)


def parameters(command: click.Command) -> Iterator[click.Parameter]:
    """Those of a command, or of all commands of a group."""
    if isinstance(command, click.Group):
        for part in command.commands.values():
            yield from part.params
    else:
        yield from command.params


@pytest.mark.parametrize("name", sorted(COMMAND_NAMES))
def test_every_option_is_documented_and_no_other(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    declared = {
        spelling
        for parameter in parameters(command)
        if isinstance(parameter, click.Option)
        for spelling in parameter.opts
    }
    rows = (row.split("|")[1] for row in COMMANDS[name].splitlines() if row.startswith("| `-"))
    documented = {spelling for cell in rows for spelling in re.findall(r"`(-[^`]+)`", cell)}
    assert documented == declared


def test_every_type_of_outgoing_message_is_documented() -> None:
    documented = re.findall(r"`(\w+Signal)`", COMMANDS["flush_messages"])
    assert sorted(documented) == sorted(outgoing.SIGNALS)


def test_every_command_of_the_container_is_documented() -> None:
    text = read(DOCS / "reference" / "container.md")
    for name in set(COMMAND_NAMES) - {"create_chores_queue", "flush_messages"}:
        assert f"`{name}`" in text
    for name in outgoing.SIGNALS:
        assert f"`python -m swpt_accounts flush_messages {name}`" in text


DIFFERENCES = read(DOCS / "reference" / "differences.md")
NO_COMMANDS = {
    *("asctime", "event", "exc_info", "levelname", "message", "name", "level", "time", "ts"),
    *(
        "connect_timeout",
        "overflow",
        "transfer_note_format",
        "swpt_accounts",
        "swpt_accounts_books",
    ),
    *("true", "false", "yes", "no", "on", "off", "debug", "json", "text", "public"),
    *("config", "reachable", "supervisord", "x-delivery-limit", "drop-head"),
}


def test_the_page_of_differences_names_commands_that_exist() -> None:
    usage = read(ROOT / "docker" / "entrypoint.sh")
    known = {*COMMAND_NAMES, *re.findall(r"^  ([a-z_-]+)  ", usage, re.MULTILINE)}
    named = set(re.findall(r"`([a-z][a-z_-]+)(?: --[a-z-]+)?`", DIFFERENCES)) - NO_COMMANDS
    assert named <= known
    assert {"unsubscribe", "configure", "await_migrations", "flush_messages"} <= named


def test_the_page_of_differences_has_one_table() -> None:
    rows = [line for line in DIFFERENCES.splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert len([row for row in rows if set(row) <= set("|-")]) == 1


def test_the_page_of_differences_tells_what_is_not_taken_from_gunicorns_variables() -> None:
    found = re.search(
        r"^_OURS = \{(.*)\}", read(ROOT / "docker" / "gunicorn.conf.py"), re.MULTILINE
    )
    assert found
    for name in re.findall(r'"(\w+)"', found[1]):
        assert f"`GUNICORN_{name.upper()}`" in DIFFERENCES


# -- settings -----------------------------------------------------------------


# What differences.md tells of another program.
SETTINGS_OF_THE_REFERENCE = {"APP_USE_PGPLSQL_FUNCTIONS", "APP_ASSOCIATED_LOGGERS"}
IMPORTANT_SETTINGS = dict(SETTING_ROW.findall(prose(DOCS / "how-to" / "configure.md")))


def test_defaults_of_important_settings_are_right() -> None:
    defaults = {doc.name: doc.default for doc in settings_reference()}
    assert {name: defaults[name] for name in IMPORTANT_SETTINGS} == IMPORTANT_SETTINGS


def test_every_important_setting_is_documented() -> None:
    important = {
        doc.name
        for doc in settings_reference()
        if doc.name.startswith("APP_LOG_") or not doc.name.startswith("APP_")
    }
    rare = {name for name in important if name.endswith("_PREFETCH_SIZE")}
    elsewhere = {"SQLALCHEMY_DATABASE_URI", "SUBSTITUTE_LOCALHOST_IN_VARS"}
    assert set(IMPORTANT_SETTINGS) == important - rare - elsewhere


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {doc.name for doc in settings_reference()} | SETTINGS_OF_THE_REFERENCE
    prefixes = ("APP_", "CHORES_", "FETCH_", "FLUSH_", "PROCESS_", "PROTOCOL_", "WEBSERVER_")
    for page in PAGES:
        words = set(re.findall(r"`\$?([A-Z][A-Z0-9_]+)`", read(page)))
        assert {w for w in words if w.startswith(prefixes)} <= known, page


# -- tables -------------------------------------------------------------------

TABLES = sections(DOCS / "reference" / "database.md")


def test_every_table_has_a_section() -> None:
    assert set(TABLES) == set(Base.metadata.tables)


@pytest.mark.parametrize("name", sorted(Base.metadata.tables))
def test_every_column_is_documented(name: str) -> None:
    documented = set(re.findall(r"`(\w+)`", TABLES[name]))
    assert set(Base.metadata.tables[name].columns.keys()) <= documented


def test_the_architecture_says_who_writes_each_table() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|.*\|.*\|.*\|$", read(DOCS / "architecture.md"), re.M)
    assert set(Base.metadata.tables) <= set(rows)


def test_examples_of_sql_read_tables_that_exist() -> None:
    tables = {*Base.metadata.tables, "wanted", "pg_stat_activity"}
    blocks = [
        (page, body) for page in PAGES for kind, body in FENCE.findall(read(page)) if kind == "sql"
    ]
    assert blocks
    for page, body in blocks:
        read_from = re.findall(r"\b(?:FROM|JOIN|UPDATE)\s+([a-z_]+)", body)
        assert set(read_from) <= tables, page


# -- AMQP ---------------------------------------------------------------------


def test_amqp_page_names_everything_that_is_declared_and_sent() -> None:
    text = read(DOCS / "reference" / "amqp.md")
    messages = {*decoder.MESSAGE_TYPES, *(cls.__name__ for cls in outgoing.SIGNALS.values())}
    exchanges = {f"`{name}`" for name, _ in topology._EXCHANGES}
    coordinators = {f"`{name}`" for name, _ in topology._COORDINATORS}
    for word in messages | exchanges | coordinators | set(tasks.CHORE_TYPES):
        assert word in text


def test_python_examples_are_python() -> None:
    for page in PAGES:
        for kind, body in FENCE.findall(read(page)):
            if kind == "python":
                compile(body, str(page), "exec")
