"""A million messages that nobody can handle, and a good one behind them."""

from time import monotonic
from typing import Final

import pika

from agentkit.authority import DEAD_LETTER_QUEUE, QUEUE
from agentkit.broker import connect
from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import CONTENT_TYPE, configure
from agentkit.waiting import KitError, wait_until
from benchmarks.agents.load import account
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.memory import read_memory
from swpt_accounts.observability.events.messages import MESSAGE_DEAD_LETTERED

_CONSUMER: Final = "consume_messages"
_DEBTOR_ID: Final = 1
_BODY: Final = b'{"type": "PrepareTransfer", "debtor_id": 1, '
_ROUND_COUNT: Final = 5_000
_SECONDS_MAX: Final = 3600.0
_LAST_SECONDS_MAX: Final = 60.0


def storm(bench: Bench) -> Results:
    """The consumer is started when all are in its queue. The time counts until the good one is in
    effect; what the log has, and the largest memory of the consumer, are looked at after it.
    """
    name = f"{bench.addresses.vhost}_storm"
    with (
        bench.addresses.with_vhost(name) as addresses,
        addresses.with_database(name) as own,
    ):
        authority = Authority(own, bench.authority.folder / name, {})
        try:
            authority.prepare()
            run = _measure(bench, authority)
        finally:
            authority.close()
    return {"count": bench.sizes.storm_count, "runs": [run]}


def _measure(bench: Bench, authority: Authority) -> Results:
    count = bench.sizes.storm_count
    bench.say(f"publishing {count:,} messages that are cut off")
    _publish(authority.broker_url, count)
    authority.send(configure(_DEBTOR_ID, account(0)))
    wait_until(lambda: authority.broker.ready_count(QUEUE) > count, _SECONDS_MAX, "all are there")
    started_at = monotonic()
    authority.start(_CONSUMER)
    with authority.addresses.connect() as connection:
        wait_until(
            lambda: connection.execute("SELECT 1 FROM account").fetchone() is not None,
            _SECONDS_MAX,
            "the good message has its effect",
        )
    seconds = monotonic() - started_at
    lines = authority.log(_CONSUMER).splitlines()
    told = sum(f"[{MESSAGE_DEAD_LETTERED.name}]: " in line for line in lines)
    memory = read_memory(authority.processes[_CONSUMER].pid)
    problems = _problems(authority, count)
    bench.note(problems)
    bench.say(
        f"{count / seconds:,.0f} a second, {len(lines):,} lines in the log ({told:,} of messages),"
        f" {memory.peak:.0f} MiB"
    )
    return {
        "seconds": seconds,
        "per_second": count / seconds,
        "lines": len(lines),
        "peak_mib": memory.peak,
        "problems": problems,
    }


def _publish(url: str, count: int) -> None:
    connection = connect(url)
    channel = connection.channel()
    properties = pika.BasicProperties(
        type="PrepareTransfer", content_type=CONTENT_TYPE, delivery_mode=2
    )
    key = bits_key(_DEBTOR_ID, account(0))
    for number in range(count):
        channel.basic_publish(ACCOUNTS_IN, key, _BODY + b'"n": %d' % number, properties)
        if number % _ROUND_COUNT == 0:
            # else the broker could not say that it is too much
            connection.process_data_events(time_limit=0)
    connection.close()


def _problems(authority: Authority, count: int) -> list[str]:
    """Whether each message is a dead letter, and there is nothing else.

    Other threads of the consumer may still have some of the last ones.
    """

    def found() -> int:
        return authority.broker.ready_count(DEAD_LETTER_QUEUE)

    try:
        wait_until(lambda: found() >= count, _LAST_SECONDS_MAX, "all are dead letters")
    except KitError:
        pass
    letters = found()
    return [] if letters == count else [f"of {count:,} bad messages {letters:,} are dead letters"]
