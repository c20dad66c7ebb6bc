"""Shows an authority at work, and checks that it keeps to the protocol.

Plays the agents of a debtor and of its creditors: opens a new currency and accounts, issues
money, pays, and does what must fail. It uses what any agent uses: the exchanges of the broker at
$PROTOCOL_BROKER_URL, and the fetch API at $FETCH_API_URL. The accounts stay; the queues go.

Exit code 0: everything was as the protocol says; 1: something was not; 2: the authority cannot
be reached.
"""

from scripts.demo_agents.command import run

if __name__ == "__main__":
    raise SystemExit(run(__doc__))
