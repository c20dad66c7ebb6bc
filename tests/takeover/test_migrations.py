"""What `flask db upgrade` does with a database of the reference: nothing, in one line."""

import os
import subprocess

from agentkit.processes import migrate_command, run
from tests.takeover.reference import BOOKS, Place, ReferenceDatabases, digest, move


def upgrade(place: Place) -> subprocess.CompletedProcess[str]:
    return run(migrate_command("upgrade"), {**os.environ, "POSTGRES_URL": place.url})


def test_a_database_of_the_reference_is_left_alone(public: Place) -> None:
    """Whatever its revision is."""
    for revision in ("a5202da9c3ad", "0123456789ab"):
        public.query("UPDATE alembic_version SET version_num = %s", revision)
        before = digest(public)
        result = upgrade(public)
        assert result.returncode == 1
        (line,) = result.stdout.splitlines()
        assert "in the schema 'public'" in line
        assert "MOVE_IN_FROM_REFERENCE=yes" in line
        assert digest(public) == before


def test_after_the_move_it_goes_on(place: Place) -> None:
    """Also where the role may make no tables in `public`."""
    move(place)
    before = digest(place)
    result = upgrade(place)
    assert result.returncode == 0, result.stdout
    rows = digest(place)["rows"]
    for table in ("procedures_version", "shard"):
        # which procedures there are, and whose database it is
        del before["rows"][BOOKS][table], rows[BOOKS][table]
    assert rows == before["rows"]


def test_a_new_database_of_a_role_without_rights_on_public(reference: ReferenceDatabases) -> None:
    """Compose: our tables get a schema of their own. The schema `public` may even be missing."""
    place = reference.create_empty()
    place.administrate("DROP SCHEMA public")
    result = upgrade(place)
    assert result.returncode == 0, result.stdout
    assert place.query(f"SELECT count(*) FROM {BOOKS}.account") == [(0,)]
