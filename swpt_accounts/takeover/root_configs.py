"""Reads the configurations of the root accounts, by the reference's rules."""

from typing import Any

from psycopg import sql

from swpt_accounts.core.root_config import InvalidRootConfig, minimal_balance, parse_root_config
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.takeover.reference_root_config import read_as_reference

_BATCH = 1000


def read_roots(session: OperatorSession, schema: str) -> int:
    """Fill the temporary table `root_reading`. Returns how many of the texts ours would refuse."""
    session.run_all("in", "make_root_readings")
    refused = 0
    connection = session.connection
    statement = session.statement("in", "roots", reference=sql.Identifier(schema))
    with connection.cursor(name="roots") as cursor:
        cursor.execute(statement, {})
        while rows := cursor.fetchmany(_BATCH):
            refused += _keep(session, rows)
    return refused


def _keep(session: OperatorSession, rows: list[Any]) -> int:
    refused = 0
    types = ["int8", "float8", "int8", "text", "text", "bytea"]
    with (
        session.connection.cursor() as cursor,
        cursor.copy(session.statement("in", "keep_root_readings")) as copy,
    ):
        copy.set_types(types)
        for debtor_id, config_data, negligible_amount in rows:
            config = read_as_reference(config_data)
            refused += not is_taken_by_ours(config_data)
            copy.write_row(
                (
                    debtor_id,
                    config.interest_rate,
                    minimal_balance(config, negligible_amount),
                    config.info_iri or None,
                    config.info_content_type,
                    config.info_sha256,
                )
            )
    return refused


def is_taken_by_ours(config_data: str) -> bool:
    """Whether a ConfigureAccount with this text would be accepted."""
    try:
        parse_root_config(config_data)
    except InvalidRootConfig:
        return False
    return True
