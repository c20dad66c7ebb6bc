"""How the benchmark reads /proc."""

import pytest

from benchmarks.memory import process_name
from benchmarks.usage import (
    ALL_ROLES,
    DRIVER,
    POSTGRES,
    Process,
    Sample,
    difference,
    machine_seconds,
    parse_stat,
    tree,
    tree_seconds,
)

STAT = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 20 5 20 0 1 0 99 1000 10"


def test_the_name_of_a_process_may_contain_anything() -> None:
    assert parse_stat(STAT) == Process(42, 7, 2.0, 0.25, "a (b) c")


def test_the_time_of_a_tree() -> None:
    processes = {
        p.pid: p
        for p in (
            Process(1, 0, 9.0, 9.0, "p"),
            Process(2, 1, 1.0, 0.5, "p"),
            Process(3, 2, 2.0, 0.0, "p"),
            Process(4, 3, 4.0, 0.0, "p"),
            Process(5, 1, 7.0, 0.0, "p"),
        )
    }
    assert tree_seconds(processes, 2) == 7.5
    assert tree_seconds(processes, 6) == 0.0
    assert tree(processes, 1) == [1, 2, 3, 4, 5]
    assert tree(processes, 6) == []


def test_the_time_of_the_machine() -> None:
    assert machine_seconds("cpu  100 200 300 9999 8888 10 20 50 0 0") == (6.3, 0.5)


def sample(postgresql: float, foreign: dict[int, float], busy: float) -> Sample:
    roles = {**dict.fromkeys(ALL_ROLES, 0.0), POSTGRES: postgresql, DRIVER: busy / 10}
    return Sample(roles, {"flush_messages": postgresql / 2}, foreign, busy, 0.0)


def test_the_database_processes_of_others_do_not_count() -> None:
    usage = difference(sample(10.0, {1: 3.0, 2: 1.0}, 100.0), sample(16.0, {1: 4.0, 3: 2.0}, 110.0))
    assert usage.roles[POSTGRES] == 6.0 - 1.0 - 2.0
    assert usage.roles[DRIVER] == 1.0
    assert usage.total == 3.0
    assert usage.backends == {"flush_messages": 3.0}
    assert usage.others == 10.0 - 3.0 - 1.0


@pytest.mark.parametrize(
    ("command_line", "comm", "name"),
    [
        ("/x/python\0/x/flask\0swpt_accounts\0scan_accounts\0", "flask", "scan_accounts"),
        ("/x/python3.11\0/x/gunicorn\0wsgi:app\0", "gunicorn", "gunicorn"),
        ("/bin/cat\0", "cat", "cat"),
        ("gunicorn: worker [wsgi:app]\0\0", "gunicorn", "gunicorn: worker [wsgi:app]"),
        ("swpt_accounts: flush_messages\0", "python", "flush_messages"),
        ("/x/python\0-m\0all\0", "process_transfe", "process_transfer_requests"),
        ("", "kworker\n", "kworker"),
    ],
)
def test_processes_have_names_for_readers(command_line: str, comm: str, name: str) -> None:
    assert process_name(command_line, comm + "\n") == name
