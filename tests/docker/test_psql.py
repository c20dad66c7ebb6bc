"""The command `psql` of the container."""

import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.processes import ROOT
from tests.docker.processes import DOCKER, image_environment

STUB = '#!/bin/sh\nprintf "%s\\n" "$*" >"$0.arguments"\nenv >"$0.environment"\n'


def become_psql(folder: Path, *arguments: str, url: str) -> tuple[int, str]:
    """Run the command, with a stub in the place of psql. Returns its exit code and its output."""
    (folder / "psql").write_text(STUB)
    (folder / "psql").chmod(0o755)
    environment = image_environment(POSTGRES_URL=url)
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, str(DOCKER / "psql.py"), *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_address_is_not_among_the_arguments(tmp_path: Path) -> None:
    code, output = become_psql(
        tmp_path,
        *("-At", "-c", "SELECT 1"),
        url="postgresql+psycopg://me:p%40ss%25@db.example:5433/shard"
        "?sslmode=verify-full&sslrootcert=/run/ca.crt&passfile=/run/pgpass",
    )
    assert (code, output) == (0, "")
    assert (tmp_path / "psql.arguments").read_text() == "-At -c SELECT 1\n"
    lines = set((tmp_path / "psql.environment").read_text().splitlines())
    assert lines >= {
        "PGUSER=me",
        "PGPASSWORD=p@ss%",
        "PGHOST=db.example",
        "PGPORT=5433",
        "PGDATABASE=shard",
        "PGSSLMODE=verify-full",
        "PGSSLROOTCERT=/run/ca.crt",
        "PGPASSFILE=/run/pgpass",
    }


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "set POSTGRES_URL"),
        ("postgresql://me:sec%ret@db/x", "POSTGRES_URL is 'postgresql://***@db/x'"),
        ("postgresql://db/x?keepalives=0", "the parameter keepalives"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, url: str, text: str) -> None:
    code, output = become_psql(tmp_path, url=url)
    assert code == 1
    assert text in output
    assert len(output.splitlines()) == 1


def test_what_psql_says_of_itself_needs_no_settings(tmp_path: Path) -> None:
    assert become_psql(tmp_path, "--version", url="") == (0, "")
    assert (tmp_path / "psql.arguments").read_text() == "--version\n"
