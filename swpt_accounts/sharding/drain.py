"""Lets the parent take in what is left in its queue, when its messages go to the children."""

from threading import Thread
from time import monotonic
from typing import Final

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import Settings
from swpt_accounts.sharding.queue_cutover import Relay, Watched
from swpt_accounts.workers.shutdown import ShutdownEvent

READY_COUNT_MAX: Final = 10_000
"""With more messages in its queue, the parent would keep the children waiting for long."""
_POLL_SECONDS: Final = 0.05
_STUCK_SECONDS_MAX: Final = 120.0
_LEAVE_SECONDS_MAX: Final = 60.0
_JOIN_SECONDS_MAX: Final = 30.0


def check_queue(relay: Relay) -> None:
    """Raise `PreconditionFailed` if the parent has not got through with its queue."""
    found = relay.counts()
    if found is not None and found.ready > READY_COUNT_MAX:
        raise PreconditionFailed(
            f"the queue of the parent has {found.ready} messages, and its children would have to"
            f" wait for them: try again when there are fewer than {READY_COUNT_MAX}"
        )


def drain(relay: Relay, parent: OperatorSession, settings: Settings, progress: Progress) -> None:
    """Return when all that has come to the parent's queue has had its effect, and nobody is there.

    First the parent's consumers do it. What they gave back when they left is taken in here: by
    its flag it is recognised, as after any crash. Raises `PreconditionFailed` if that takes long.
    """
    with relay.watched() as queue:
        _let_consumers_work(queue, progress)
        parent.run("parent", "let_leave")
        _wait_until_alone(queue)
        while queue.counts().ready:
            _consume_rest(queue, settings)
            _wait_until_alone(queue)


def let_leave(relay: Relay, parent: OperatorSession) -> None:
    """Return when nobody consumes the queue; what is in it is for the child."""
    parent.run("parent", "let_leave")
    with relay.watched() as queue:
        _wait_until_alone(queue)


def _let_consumers_work(queue: Watched, progress: Progress) -> None:
    """Wait until they have taken everything from the queue, as long as they make headway."""
    total = queue.counts().ready
    progress.begin("messages in the queue of the parent", total)
    least, since = total, monotonic()
    while True:
        found = queue.counts()
        progress.note(max(total - found.ready, 0))
        if found.ready == 0 or found.consumers == 0:
            break
        if found.ready < least:
            least, since = found.ready, monotonic()
        if monotonic() - since > _STUCK_SECONDS_MAX:
            raise PreconditionFailed(
                f"the consumers of the parent make no headway with {found.ready} messages: look"
                " into their log"
            )
        queue.rest(_POLL_SECONDS)
    progress.end()


def _wait_until_alone(queue: Watched) -> None:
    end = monotonic() + _LEAVE_SECONDS_MAX
    while consumers := queue.counts().consumers:
        if monotonic() > end:
            raise PreconditionFailed(
                f"{consumers} consumers of the parent's queue do not leave it: stop them"
            )
        queue.rest(_POLL_SECONDS)


def _consume_rest(queue: Watched, settings: Settings) -> None:
    """Consume until the queue is empty; what was not acknowledged is given back."""
    stop = ShutdownEvent()
    worker = Thread(
        target=InboxWorker(settings, stop, is_draining=True, is_last=True).run,
        name="consume_messages",
        daemon=True,
    )
    worker.start()
    end = monotonic() + _STUCK_SECONDS_MAX
    while worker.is_alive() and queue.counts().ready:
        if monotonic() > end:
            break
        queue.rest(_POLL_SECONDS)
    stop.request()
    worker.join(_JOIN_SECONDS_MAX)
    if queue.counts().ready and monotonic() > end:
        raise PreconditionFailed(
            "what is left in the queue of the parent cannot be handled: see above"
        )
