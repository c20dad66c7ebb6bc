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
from agentkit.currency import Agents
from agentkit.messages import Message
from agentkit.observer import TO_AGENTS, Observer
from agentkit.received import Received
from agentkit.waiting import KitError
from swpt_accounts.broker.connections import describe

CREDITOR: Final = 2**32 + 1
AMOUNT: Final = 1000


class TellingAgents(Agents):
    """A debtor, and a creditor of its, who say what they do."""

    def send(self, message: Message) -> None:
        print(f"sent      {message['type']}")
        super().send(message)

    def wait(self, message_type: str, *, since: int = 0, **fields: Any) -> Received:
        found = super().wait(message_type, since=since, **fields)
        print(f"received  {message_type}")
        return found

    def transfer(self) -> None:
        """Issue an amount, and wait until the creditor has it. Raises `KitError`."""
        answer = self.finalize(self.prepare(0, CREDITOR, AMOUNT), AMOUNT)
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
            agents = TellingAgents(arguments.debtor, broker.send, observer)
            agents.configure(0)
            agents.configure(CREDITOR)
            agents.transfer()
        broker.close()
    except (AMQPError, KitError) as error:
        sys.stderr.write(f"first_transfer: {describe(error)}\n")
        return 1
    print(f"{AMOUNT} of the currency {arguments.debtor} are on the account of {CREDITOR}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
