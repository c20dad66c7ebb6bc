"""What every loop records of its batches."""

from swpt_accounts.observability.metrics.definitions import BATCH_ROWS, BATCH_SECONDS
from swpt_accounts.observability.metrics.recorder import observe


def note_batch(loop: str, rows_count: int, seconds: float) -> None:
    """Note a batch of messages or rows; an empty one is none."""
    if rows_count:
        observe(BATCH_ROWS, rows_count, loop)
        observe(BATCH_SECONDS, seconds, loop)
