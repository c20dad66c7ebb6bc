"""How Alembic runs the migrations of this application: `flask db upgrade`.

A migration that waits for a lock makes everybody behind it wait, too, so it does not wait
for long: it fails, and can be run again.
"""

from alembic import context
from flask import current_app
from sqlalchemy import text

LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "10min"

database = current_app.extensions["migrate"].db


def run_migrations() -> None:
    with database.engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=database.metadatas[None],
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


def print_migrations() -> None:
    context.configure(
        url=database.engine.url.render_as_string(hide_password=False),
        target_metadata=database.metadatas[None],
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_migrations()
else:
    run_migrations()
