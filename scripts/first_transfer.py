"""`python -m scripts.first_transfer [--debtor ID]`: one transfer, through RabbitMQ alone.

It plays a debtor and one creditor, with a queue of its own for what the authority answers, and says
what it sends and gets. The user of PROTOCOL_BROKER_URL needs the rights of an administrator. The
two accounts stay.
"""

import argparse
import os
import sys
from typing import Any, Final

from pika.exceptions import AMQPError

from agentkit.broker import Broker
from agentkit.messages import Message, configure, configure_root, finalize, prepare
from agentkit.observer import TO_AGENTS, Observer
from agentkit.waiting import KitError
from swpt_accounts.broker.errors import describe

CREDITOR: Final = 2**32 + 1
AMOUNT: Final = 1000
SECONDS_MAX: Final = 30.0
_SAME: Final = ("creditor_id", "coordinator_type", "coordinator_id", "coordinator_request_id")


class Agents:
    """A debtor, and a creditor of its."""

    def __init__(self, broker: Broker, observer: Observer, debtor_id: int) -> None:
        self.broker = broker
        self.observer = observer
        self.debtor_id = debtor_id

    def send(self, message: Message) -> None:
        """Send a message, and say so."""
        print(f"sent      {message['type']}")
        self.broker.send(message)

    def wait(self, message_type: str, **fields: Any) -> Message:
        """Wait for a message, and say that it has come. Raises `KitError`."""
        found = self.observer.wait_message(
            message_type, seconds_max=SECONDS_MAX, debtor_id=self.debtor_id, **fields
        )
        print(f"received  {message_type}")
        return dict(found.data)

    def open_account(self, creditor_id: int) -> None:
        """Open an account: the debtor's own is that of the creditor 0."""
        if creditor_id:
            message = configure(self.debtor_id, creditor_id)
        else:
            message = configure_root(self.debtor_id)
        self.send(message)
        seqnum = message["seqnum"]
        self.wait("AccountUpdate", creditor_id=creditor_id, last_config_seqnum=seqnum)

    def transfer(self) -> None:
        """Issue an amount, and wait until the creditor has it."""
        request = prepare(self.debtor_id, 0, CREDITOR, AMOUNT)
        self.send(request)
        same = {name: request[name] for name in _SAME}
        self.send(finalize(self.wait("PreparedTransfer", **same), AMOUNT))
        answer = self.wait("FinalizedTransfer", **same)
        if answer["status_code"] != "OK":
            raise KitError(f"the transfer failed: {answer['status_code']}")
        self.wait("AccountTransfer", creditor_id=CREDITOR, acquired_amount=AMOUNT)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.first_transfer")
    parser.add_argument("--debtor", type=int, default=2**40, metavar="ID", help="of the currency")
    arguments = parser.parse_args()
    # (as an argument, everybody on the machine could read its password)
    url = os.environ.get("PROTOCOL_BROKER_URL")
    if not url:
        sys.exit("first_transfer: set PROTOCOL_BROKER_URL")
    try:
        broker = Broker(url)
        with Observer(url, TO_AGENTS, is_exclusive=True) as observer:
            agents = Agents(broker, observer, arguments.debtor)
            agents.open_account(0)
            agents.open_account(CREDITOR)
            agents.transfer()
        broker.close()
    except (AMQPError, KitError) as error:
        sys.stderr.write(f"first_transfer: {describe(error)}\n")
        return 1
    print(f"{AMOUNT} of the currency {arguments.debtor} are on the account of {CREDITOR}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
