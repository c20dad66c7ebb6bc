"""OpenTelemetry: the spans of a transfer in two shards, at a collector that plays along, or not."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agentkit.databases import Databases
from agentkit.fetch_proxy import FetchProxy
from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import CONTENT_TYPE, Message, encode, finalize, prepare
from agentkit.received import Received
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from tests.e2e.test_shards_transfers import SERVICES, ShardedCurrency
from tests.support.collector import CollectedSpan, Collector, listening
from verification.kit.servers import subscribe

STOP_SECONDS_MAX = 15.0
NOTE = "what nobody else may read"
SETTINGS = {
    "APP_OPENTELEMETRY": "true",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_BSP_MAX_QUEUE_SIZE": "64",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "32",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
}


@pytest.fixture(scope="module")
def collector() -> Collector:
    return Collector()


@pytest.fixture(scope="module")
def shards(
    databases: Databases,
    broker_url: str,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Shard]]:
    folder = tmp_path_factory.mktemp("shards")
    proxy = FetchProxy()
    made = []
    try:
        for bit in "01":
            name, url = f"shard_{bit}", databases.create()
            own = {
                "SQLALCHEMY_DATABASE_URI": databases.as_runner(url),
                "FETCH_API_URL": proxy.url,
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_SERVICE_NAME": name,
                **SETTINGS,
            }
            made.append(Shard(name, f"{bit}.#", url, broker_url, folder / name, own))
            subscribe(made[-1])
        proxy.shards = made
        made[0].observe()
        start_all(made, *SERVICES)
        yield made
    finally:
        for shard in made:
            shard.close()
        proxy.close()


@pytest.fixture(scope="module", autouse=True)
def presence(collector: Collector) -> Iterator[ExitStack]:
    """The collector is there until this is closed, also between the tests: spans come later."""
    with ExitStack() as stack:
        stack.enter_context(listening(collector))
        yield stack


@pytest.fixture
def currency(shards: list[Shard]) -> ShardedCurrency:
    return ShardedCurrency(shards)


def send(currency: ShardedCurrency, message: Message, traceparent: Any = None) -> None:
    """Send a message, with this header if there is one."""
    headers = {} if traceparent is None else {"traceparent": traceparent}
    currency.authority.broker.publish(
        ACCOUNTS_IN,
        bits_key(message["debtor_id"], message["creditor_id"]),
        encode(message),
        type=message["type"],
        content_type=CONTENT_TYPE,
        headers=headers,
    )


def new_parent(flags: str = "01") -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"


def answer(currency: ShardedCurrency, message_type: str, request: Message) -> Received:
    names = ("creditor_id", "coordinator_type", "coordinator_id", "coordinator_request_id")
    return currency.wait(message_type, **{n: request[n] for n in names})


def header(received: Received) -> str | None:
    value: str | None = (received.properties.headers or {}).get("traceparent")
    return value


def transfer(
    currency: ShardedCurrency, sender: int, recipient: int, parent: str
) -> tuple[Received, Received, list[Received]]:
    """A transfer of 7, by a coordinator that carries on the trace. Returns what was sent."""
    request = prepare(currency.debtor_id, sender, recipient, 7)
    send(currency, request, parent)
    prepared = answer(currency, "PreparedTransfer", request)
    send(currency, finalize(prepared.data, 7, transfer_note=NOTE), header(prepared))
    finalized = answer(currency, "FinalizedTransfer", request)
    assert finalized.data["status_code"] == "OK"
    transfers = [
        currency.wait("AccountTransfer", creditor_id=creditor_id, acquired_amount=amount)
        for creditor_id, amount in ((sender, -7), (recipient, 7))
    ]
    return prepared, finalized, transfers


Tree = dict[str, "Tree"]


def tree(spans: list[CollectedSpan], parent_id: str) -> Tree:
    """The names of the spans below a span, each with those below it."""
    return {
        f"{span.service}: {span.name}": tree(spans, span.span_id)
        for span in spans
        if span.parent_id == parent_id
    }


def wait_for_tree(collector: Collector, parent: str, expected: Tree) -> list[CollectedSpan]:
    _, trace_id, parent_id, _ = parent.split("-")
    wait_until(
        lambda: tree(collector.trace(trace_id), parent_id) == expected,
        60,
        f"the spans of {trace_id} are those of {expected}",
    )
    spans = collector.trace(trace_id)
    assert len({span.span_id for span in spans}) == len(spans)
    return spans


FINALIZED_AT_HOME: Tree = {
    "shard_0: process FinalizeTransfer": {
        "shard_0: finalize transfer": {
            "shard_0: publish FinalizedTransfer": {},
            "shard_0: publish AccountTransfer": {},
            "shard_0: change balance": {"shard_0: publish AccountTransfer": {}},
        }
    }
}
FINALIZED_ABROAD: Tree = {
    "shard_0: process FinalizeTransfer": {
        "shard_0: finalize transfer": {
            "shard_0: publish FinalizedTransfer": {},
            "shard_0: publish AccountTransfer": {},
            "shard_0: publish PendingBalanceChange": {
                "shard_1: process PendingBalanceChange": {
                    "shard_1: change balance": {"shard_1: publish AccountTransfer": {}}
                }
            },
        }
    }
}


def test_transfer_between_shards_is_one_trace(
    currency: ShardedCurrency, collector: Collector
) -> None:
    currency.open_root()
    sender, recipient = currency.open_home(100), currency.open_abroad(1)
    parent = new_parent()
    prepared, finalized, transfers = transfer(currency, sender, recipient, parent)
    expected: Tree = {
        "shard_0: process PrepareTransfer": {
            "shard_0: verify recipient": {
                "shard_0: prepare transfer": {"shard_0: publish PreparedTransfer": FINALIZED_ABROAD}
            }
        }
    }
    spans = wait_for_tree(collector, parent, expected)
    published = {span.traceparent for span in spans if span.name.startswith("publish ")}
    assert {header(m) for m in (prepared, finalized, *transfers)} < published
    check_times_and_ids(spans, currency, sender, recipient, prepared.data)


def check_times_and_ids(
    spans: list[CollectedSpan],
    currency: ShardedCurrency,
    sender: int,
    recipient: int,
    prepared: Message,
) -> None:
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        assert span.started_at <= span.ended_at
        assert not span.is_error
        # (PostgreSQL reads its clock at the start of a transaction)
        parent = by_id.get(span.parent_id)
        assert parent is None or parent.started_at <= span.ended_at
        assert NOTE not in str(span)
        assert span.attributes["swpt.debtor_id"] == str(currency.debtor_id)
        assert int(span.attributes["swpt.creditor_id"]) in (sender, recipient)
    (first,) = (span for span in spans if span.name == "process PrepareTransfer")
    assert first.kind == 5  # a consumer
    assert first.attributes["messaging.system"] == "rabbitmq"
    assert first.attributes["messaging.destination.name"] == "shard_0"
    assert first.attributes["messaging.operation.type"] == "process"
    (last,) = (span for span in spans if span.name == "publish FinalizedTransfer")
    assert last.kind == 4  # a producer
    for name in ("transfer_id", "coordinator_type", "coordinator_id", "coordinator_request_id"):
        assert last.attributes[f"swpt.{name}"] == str(prepared[name])


def test_transfer_in_one_shard(currency: ShardedCurrency, collector: Collector) -> None:
    currency.open_root()
    sender, recipient = currency.open_home(100), currency.open_home(1)
    parent = new_parent()
    transfer(currency, sender, recipient, parent)
    expected: Tree = {
        "shard_0: process PrepareTransfer": {
            "shard_0: prepare transfer": {"shard_0: publish PreparedTransfer": FINALIZED_AT_HOME}
        }
    }
    wait_for_tree(collector, parent, expected)


def test_rejected_transfers(currency: ShardedCurrency, collector: Collector) -> None:
    currency.open_root()
    sender, recipient = currency.open_home(1), currency.open_home(1)
    rejected: Tree = {"shard_0: publish RejectedTransfer": {}}
    prepared: Tree = {"shard_0: prepare transfer": rejected}
    verified: Tree = {"shard_0: verify recipient": rejected}
    unknown = {
        where: next(ids)
        for where, ids in (("home", currency._local_ids), ("abroad", currency._foreign_ids))
    }
    cases: list[tuple[Message, Tree]] = [
        (prepare(currency.debtor_id, sender, recipient, 1000), prepared),
        (prepare(currency.debtor_id, sender, unknown["home"], 1), rejected),
        (prepare(currency.debtor_id, sender, unknown["abroad"], 1), verified),
        (prepare(currency.debtor_id, sender, "no account", 1), rejected),
    ]
    for request, steps in cases:
        parent = new_parent()
        send(currency, request, parent)
        answer(currency, "RejectedTransfer", request)
        wait_for_tree(collector, parent, {"shard_0: process PrepareTransfer": steps})


def test_unsampled_trace_is_passed_on_and_makes_no_spans(
    currency: ShardedCurrency, collector: Collector
) -> None:
    currency.open_root()
    sender, recipient = currency.open_home(100), currency.open_abroad(1)
    parent = new_parent("00")
    prepared, finalized, transfers = transfer(currency, sender, recipient, parent)
    trace_id = parent.split("-")[1]
    for message in (prepared, finalized, *transfers):
        found = header(message)
        assert found is not None
        assert found.split("-")[1::2] == [trace_id, "00"]
    # what comes later is sampled, and has come to the collector
    later = new_parent()
    transfer(currency, sender, recipient, later)
    wait_until(lambda: len(collector.trace(later.split("-")[1])) == 12, 60, "later spans come")
    assert collector.trace(trace_id) == []


@pytest.mark.parametrize(
    "value",
    ["00-" + "0" * 32 + "-" + "1" * 16 + "-01", b"\xff\xfe", ["x"]],
)
def test_bad_parent_is_ignored(
    currency: ShardedCurrency, collector: Collector, value: object
) -> None:
    currency.open_root()
    sender, recipient = currency.open_home(100), currency.open_home(1)
    request = prepare(currency.debtor_id, sender, recipient, 1)
    send(currency, request, value)
    found = header(answer(currency, "PreparedTransfer", request))
    assert found is not None
    trace_id = found.split("-")[1]
    wait_until(lambda: len(collector.trace(trace_id)) == 3, 60, "a new trace")
    first = collector.trace(trace_id)[0]
    assert (first.name, first.parent_id) == ("process PrepareTransfer", "")


def test_dead_letter_is_an_error_that_quotes_nothing(
    currency: ShardedCurrency, collector: Collector
) -> None:
    sender = next(currency._local_ids)
    parent = new_parent()
    send(currency, prepare(currency.debtor_id, sender, "é" + NOTE, 1), parent)
    (span,) = wait_for_tree(collector, parent, {"shard_0: process": {}})
    assert span.is_error
    assert span.attributes["error.type"] == "malformed"
    assert NOTE not in str(span)


# -- collectors that do not play along ----------------------------------------


def log_lines(shard: Shard, text: str) -> int:
    return shard.services["consume_messages"].log.count(text)


@pytest.mark.parametrize("fault", ["away", "hangs", "fails"])
def test_faults_of_the_collector_delay_nothing(
    currency: ShardedCurrency,
    collector: Collector,
    shards: list[Shard],
    presence: ExitStack,
    fault: str,
) -> None:
    home = shards[0]
    complaint, relief = "does not accept all spans", "accepts spans again"
    before = log_lines(home, complaint)
    currency.open_root()
    sender, recipient = currency.open_home(1000), currency.open_home(1)
    if fault == "away":
        presence.close()
    elif fault == "hangs":
        collector.gate.clear()
    else:
        collector.status = 500
    for n in range(3):
        transfer(currency, sender, recipient, new_parent())
        wait_until(lambda: log_lines(home, complaint) > before, 20, f"it is said ({n})")
    assert log_lines(home, complaint) == before + 1
    code, seconds = home.terminate("flush_messages")
    assert (code, seconds < STOP_SECONDS_MAX) == (0, True)
    home.start("flush_messages")
    reliefs = log_lines(home, relief)
    collector.status = 200
    collector.gate.set()
    if fault == "away":
        presence.enter_context(listening(collector))

    def works_again() -> bool:
        parent = new_parent()
        transfer(currency, sender, recipient, parent)
        return log_lines(home, relief) > reliefs

    wait_until(works_again, 60, "spans are taken again")


def test_end_of_a_process_hands_over_what_it_has(
    currency: ShardedCurrency, collector: Collector, shards: list[Shard]
) -> None:
    home = shards[0]
    currency.open_root()
    sender, recipient = currency.open_home(1000), currency.open_home(1)
    home.terminate("consume_messages")
    home.services["consume_messages"].start(
        {**home.environment, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    )
    parent = new_parent()
    transfer(currency, sender, recipient, parent)
    trace_id = parent.split("-")[1]
    assert not any(s.name.startswith("process ") for s in collector.trace(trace_id))
    code, seconds = home.terminate("consume_messages")
    assert (code, seconds < STOP_SECONDS_MAX) == (0, True)
    names = {s.name for s in collector.trace(trace_id)}
    assert {"process PrepareTransfer", "process FinalizeTransfer"} <= names
    home.start("consume_messages")


def test_wrong_setting_is_said(shards: list[Shard]) -> None:
    for name, value in (
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "65"),  # more than are kept
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
    ):
        found = shards[0].run("flush_messages", "--quit-early", **{name: value})
        assert found.returncode == 1
        last_line = found.stdout.splitlines()[-1]
        assert last_line.startswith("swpt_accounts: an OTEL_… setting is wrong: ")


def test_off_adds_no_header_and_fills_no_column(
    currency: ShardedCurrency, shards: list[Shard], collector: Collector
) -> None:
    home = shards[0]
    currency.open_root()
    sender, recipient = currency.open_home(1000), currency.open_home(1)
    off = {**home.environment, "APP_OPENTELEMETRY": "false"}
    names = ("process_transfer_requests", "consume_messages", "flush_messages")
    for name in names:
        home.terminate(name)
    requests_count = collector.requests_count
    home.services["consume_messages"].start(off)
    request = prepare(currency.debtor_id, sender, recipient, 1)
    send(currency, request, new_parent())
    rows: list[Any] = []

    def is_queued() -> bool:
        rows[:] = home.query("SELECT trace_context FROM transfer_request")
        return bool(rows)

    wait_until(is_queued, 60, "the request is queued")
    assert rows == [(None,)]
    for name in names:
        if name != "consume_messages":
            home.services[name].start(off)
    assert header(answer(currency, "PreparedTransfer", request)) is None
    assert collector.requests_count == requests_count
    for name in names:
        home.services[name].terminate()
        home.start(name)
