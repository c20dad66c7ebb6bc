"""Every environment variable once, with its type, default, rule and meaning."""

import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Annotated, Literal

from msgspec import Meta, Struct

from swpt_accounts.core.realm import Realm
from swpt_accounts.settings.types import (
    Address,
    BatchCount,
    BrokerUrl,
    BurstCount,
    Count,
    DatabaseUrl,
    Days,
    DaySeconds,
    DaysOrZero,
    FolderName,
    FolderNameOrEmpty,
    HeaderName,
    HttpUrl,
    LenientSwitch,
    Millisecs,
    Networks,
    Port,
    PortOrZero,
    PrefetchCount,
    PrefetchSize,
    Processes,
    QueueName,
    RoleName,
    RoutingKey,
    Secret,
    Threads,
    UserPattern,
    VariableNames,
    Wait,
    doc,
)


class SettingsError(ValueError):
    """A setting is wrong or missing. One line for the operator, with no password in it."""


class Settings(Struct, frozen=True, kw_only=True, dict=True):
    """All settings. The name of a field is the name of its variable in lower case.

    Times are in the units that the names end with; waits and periods are in seconds.
    """

    webserver_processes: Annotated[
        Processes, doc("Worker processes of the web server (the fetch API). With 0 there is none.")
    ] = 1
    webserver_threads: Annotated[Threads, doc("Threads in each of them.")] = 3
    webserver_port: Annotated[Port, doc("The port on which the web server listens.")] = 8080
    fetch_api_url: Annotated[
        HttpUrl | None,
        doc(
            "Base URL of the fetch API: of the proxy before all shards or, where there is one"
            " shard and no proxy, of this very web server."
        ),
    ] = None
    postgres_url: Annotated[
        DatabaseUrl | None,
        doc("The database of this shard: `postgresql+psycopg://user:password@host:port/db`."),
    ] = None
    sqlalchemy_database_uri: Annotated[
        DatabaseUrl | None,
        doc(
            "The same, under another name. When both are set, POSTGRES_URL counts in a container,"
            " and this one elsewhere."
        ),
    ] = None
    postgres_running_role: Annotated[
        RoleName | None,
        doc(
            "The role of PostgreSQL as which the workers run, when `configure` runs as another"
            " one: `configure` (`flask db upgrade`) grants it what they need."
        ),
    ] = None

    postgres_reading_role: Annotated[
        RoleName | None,
        doc(
            "The role of PostgreSQL as which the console runs: `configure` (`flask db upgrade`)"
            " grants it the right to read, and no other one."
        ),
    ] = None

    protocol_broker_url: Annotated[
        BrokerUrl, doc("The RabbitMQ server of the Swaptacular Messaging Protocol.")
    ] = "amqp://guest:guest@localhost:5672"
    protocol_broker_management_url: Annotated[
        HttpUrl | None,
        doc(
            "The management of that server, like `http://monitor:…@localhost:15672`, for a user"
            " with the tag `monitoring`: `status` asks it for the queues of peers, and their"
            " limits."
        ),
    ] = None
    protocol_broker_queue: Annotated[QueueName, doc("The queue of incoming messages.")] = (
        "swpt_accounts"
    )
    protocol_broker_queue_routing_key: Annotated[
        RoutingKey,
        doc(
            "The key with which the queue is bound to the `accounts_in` exchange. It also"
            " defines the realm: which accounts belong to this shard. The database notes it, and"
            " refuses other shards."
        ),
    ] = "#"
    protocol_broker_shard_users: Annotated[
        UserPattern | None,
        doc(
            "A regular expression for the users of RabbitMQ as which the shards of this authority"
            " publish: a PendingBalanceChange of another user is refused. By default, the user of"
            " PROTOCOL_BROKER_URL, and those of the same name with other numbers at its end:"
            " `worker`, `worker_0`, `worker_1_2`. If that is `guest`, all users are taken."
        ),
    ] = None
    protocol_broker_processes: Annotated[
        Processes, doc("Processes that consume messages. 0 consumes none.")
    ] = 1
    protocol_broker_threads: Annotated[
        Threads, doc("Threads in each of them, each with its own connections.")
    ] = 1
    protocol_broker_prefetch_count: Annotated[
        PrefetchCount,
        doc("The most messages that a thread takes at once: the size of its largest batch."),
    ] = 250
    protocol_broker_prefetch_size: Annotated[
        PrefetchSize, doc("The most bytes that a thread takes at once. 0: no limit.")
    ] = 0

    chores_broker_url: Annotated[
        BrokerUrl, doc("The RabbitMQ server of the local tasks (chores).")
    ] = "amqp://guest:guest@localhost:5672"
    chores_broker_queue: Annotated[QueueName, doc("The queue of chores.")] = "swpt_accounts_chores"
    chores_broker_processes: Annotated[
        Processes, doc("Processes that consume chores. 0 consumes none, but still posts them.")
    ] = 1
    chores_broker_threads: Annotated[
        Threads, doc("Threads in each of them, each with its own connections.")
    ] = 1
    chores_broker_prefetch_count: Annotated[
        PrefetchCount, doc("The most chores that a thread takes at once.")
    ] = 100
    chores_broker_prefetch_size: Annotated[
        PrefetchSize, doc("The most bytes that a thread takes at once. 0: no limit.")
    ] = 0

    console_port: Annotated[
        Port,
        doc(
            "The port of the console, which only the command `console` starts, and only with"
            " CONSOLE_TOKEN or CONSOLE_USER_HEADER."
        ),
    ] = 8082
    console_address: Annotated[
        Address,
        doc(
            "The address on which the console listens, without TLS: the loopback address, where a"
            " proxy on the same machine, or in the same pod, finds it. In a container whose port"
            " is published, 0.0.0.0."
        ),
    ] = "127.0.0.1"
    console_token: Annotated[
        Secret | None,
        doc("The token with which people sign in to the console."),
    ] = None
    console_user_header: Annotated[
        HeaderName | None,
        doc(
            "The HTTP header in which a proxy before the console names the user whom it has let in."
            " It is believed when it comes from CONSOLE_PROXY_ADDRESSES."
        ),
    ] = None
    console_proxy_addresses: Annotated[
        Networks, doc("Where that proxy is, as the console sees it.")
    ] = "127.0.0.1 ::1"
    console_actions_token: Annotated[
        Secret | None,
        doc(
            "The token that sends dead letters again, or discards them, in the console. Without it"
            " the console only reads."
        ),
    ] = None
    console_actions_postgres_url: Annotated[
        DatabaseUrl | None,
        doc(
            "For these actions: the same database with a role that may note what was done with dead"
            " letters (that of the workers may); by default the console's own."
        ),
    ] = None
    console_actions_broker_url: Annotated[
        BrokerUrl | None,
        doc(
            "For these actions: PROTOCOL_BROKER_URL with a user who may publish; by default the"
            " console's own."
        ),
    ] = None

    flush_processes: Annotated[
        Processes, doc("Processes that send outgoing messages. 0 sends none.")
    ] = 1
    flush_period: Annotated[
        Wait, doc("The longest wait between two flushes of outgoing messages, in seconds.")
    ] = 2.0
    process_transfer_requests_threads: Annotated[
        Threads, doc("Threads that prepare transfers.")
    ] = 1
    process_finalization_requests_threads: Annotated[
        Threads, doc("Threads that finalize transfers.")
    ] = 1
    process_balance_changes_threads: Annotated[
        Threads, doc("Threads that apply pending balance changes.")
    ] = 1

    delete_parent_shard_records: Annotated[
        bool,
        doc(
            "Set it in both children of a shard that was split by hand, until each has dropped"
            " what belongs to the other."
        ),
    ] = False
    journal_days: Annotated[
        int,
        Meta(ge=0, le=30),
        doc(
            "For how many whole days before today the journal keeps the messages that were"
            " received and sent, for `trace`, `statement` and `resend`. 0: there is none."
        ),
    ] = 0
    remove_from_archive_threshold_date: Annotated[
        datetime,
        Meta(
            description=(
                "Balance changes that were committed before this moment are ignored when they"
                " arrive, and are removed from the archive."
            ),
            extra_json_schema={
                "rule": (
                    "an ISO 8601 date or date-time (UTC, if it has no offset), at least"
                    " APP_INTRANET_EXTREME_DELAY_DAYS in the past"
                )
            },
        ),
    ] = datetime(1970, 1, 1, tzinfo=UTC)

    app_log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical", "fatal", "warn", "notset"],
        doc(
            "The least severity of the messages in the log. `fatal` is `critical`, `warn` is"
            " `warning`, and `notset` leaves out nothing."
        ),
    ] = "warning"
    app_log_format: Annotated[Literal["text", "json"], doc("The format of the log.")] = "text"
    app_opentelemetry: Annotated[
        bool,
        doc(
            "Traces each message through the stages with OpenTelemetry, and sends the spans to an"
            " OTLP/HTTP collector. Its own variables (`OTEL_EXPORTER_OTLP_ENDPOINT`,"
            " `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, …) say where to, and of which messages."
        ),
    ] = False
    metrics_port: Annotated[
        PortOrZero,
        doc(
            "The port on which a container shows its metrics, and its health. With 0 there is none,"
            " and no metrics are recorded."
        ),
    ] = 0
    state_dir: Annotated[
        FolderName,
        doc(
            "The folder in which the processes of a container leave their metrics and heartbeats."
            " It must be theirs alone."
        ),
    ] = "/tmp/swpt_accounts"  # noqa: S108 - it is refused where it belongs to somebody else
    nodedata_dir: Annotated[
        FolderNameOrEmpty,
        doc(
            "The node's data folder, or its certificates alone; the metrics tell when they end."
            " When it is empty, nobody tells."
        ),
    ] = ""
    setup_rabbitmq_bindings: Annotated[
        LenientSwitch,
        doc("Makes `configure` declare the exchanges, the queue and the bindings too."),
    ] = False
    move_in_from_reference: Annotated[
        bool,
        doc(
            "Makes `configure` take over a database of the reference, as `move_in` does. Without"
            " it, `configure` fails on such a database; with it, it fails on an empty one."
        ),
    ] = False
    substitute_localhost_in_vars: Annotated[
        VariableNames,
        doc(
            "For development in containers: the variables in which `localhost` becomes the"
            " address of the docker host."
        ),
    ] = ""

    app_process_balance_changes_wait: Annotated[
        Wait, doc("The longest time, in seconds, that a balance change may lie unnoticed.")
    ] = 2.0
    app_process_balance_changes_max_count: Annotated[
        BatchCount, doc("The most balance changes in one transaction.")
    ] = 1000
    app_process_transfer_requests_wait: Annotated[
        Wait, doc("The longest time, in seconds, that a transfer request may lie unnoticed.")
    ] = 2.0
    app_process_transfer_requests_max_count: Annotated[
        BatchCount, doc("The most transfer requests in one transaction.")
    ] = 1000
    app_process_finalization_requests_wait: Annotated[
        Wait, doc("The longest time, in seconds, that a finalization request may lie unnoticed.")
    ] = 2.0
    app_process_finalization_requests_max_count: Annotated[
        BatchCount, doc("The most finalization requests in one transaction.")
    ] = 1000

    app_flush_rejected_transfers_burst_count: Annotated[
        BurstCount, doc("The most RejectedTransfer messages in one flush.")
    ] = 250
    app_flush_prepared_transfers_burst_count: Annotated[
        BurstCount, doc("The most PreparedTransfer messages in one flush.")
    ] = 250
    app_flush_finalized_transfers_burst_count: Annotated[
        BurstCount, doc("The most FinalizedTransfer messages in one flush.")
    ] = 250
    app_flush_account_transfers_burst_count: Annotated[
        BurstCount, doc("The most AccountTransfer messages in one flush.")
    ] = 250
    app_flush_account_updates_burst_count: Annotated[
        BurstCount, doc("The most AccountUpdate messages in one flush.")
    ] = 250
    app_flush_account_purges_burst_count: Annotated[
        BurstCount, doc("The most AccountPurge messages in one flush.")
    ] = 250
    app_flush_rejected_configs_burst_count: Annotated[
        BurstCount, doc("The most RejectedConfig messages in one flush.")
    ] = 250
    app_flush_pending_balance_changes_burst_count: Annotated[
        BurstCount, doc("The most PendingBalanceChange messages in one flush.")
    ] = 250

    app_intranet_extreme_delay_days: Annotated[
        DaysOrZero, doc("No message within the authority's own network is ever later than this.")
    ] = 14.0
    app_message_max_delay_days: Annotated[
        DaysOrZero, doc("Messages that are later than this create no account.")
    ] = 7.0
    app_account_heartbeat_days: Annotated[
        float,
        Meta(gt=0.0, le=14.0, description="The time between two updates of an idle account."),
    ] = 7.0
    app_prepared_transfer_remainder_days: Annotated[
        DaysOrZero, doc("The time between two reminders of an unfinalized transfer.")
    ] = 7.0
    app_prepared_transfer_max_delay_days: Annotated[
        float,
        Meta(
            ge=30.0,
            le=10_000.0,
            description="The commit period: the longest life of a prepared transfer.",
            extra_json_schema={
                "also": (
                    "not less than APP_MESSAGE_MAX_DELAY_DAYS, and not less than"
                    " APP_INTRANET_EXTREME_DELAY_DAYS"
                )
            },
        ),
    ] = 90.0
    app_min_interest_capitalization_days: Annotated[
        float,
        Meta(ge=0.0, le=92.0, description="The least time between two capitalizations."),
    ] = 14.0
    app_max_interest_to_principal_ratio: Annotated[
        float,
        Meta(gt=0.0, le=0.1),
        doc("Interest that grew above this part of the principal is capitalized."),
    ] = 0.0001
    app_deletion_attempts_min_days: Annotated[
        DaysOrZero, doc("The least time between two attempts to delete an account.")
    ] = 14.0
    app_prompt_account_updates: Annotated[
        bool,
        doc(
            "Sends the update of a changed account soon, when the last one was sent over an"
            " hour ago; otherwise, changes of the balance wait for the accounts scan."
        ),
    ] = True

    app_accounts_scan_hours: Annotated[
        float, Meta(gt=0.0, le=48.0, description="The time of one pass over all accounts.")
    ] = 8.0
    app_accounts_scan_blocks_per_query: Annotated[
        Count, doc("Database pages that the accounts scan reads at once.")
    ] = 40
    app_accounts_scan_beat_millisecs: Annotated[
        Millisecs, doc("The pace of the accounts scan: the time between two reads.")
    ] = 100
    app_prepared_transfers_scan_days: Annotated[
        Days, doc("The time of one pass over all prepared transfers.")
    ] = 1.0
    app_prepared_transfers_scan_blocks_per_query: Annotated[
        Count, doc("Database pages that the prepared transfers scan reads at once.")
    ] = 40
    app_prepared_transfers_scan_beat_millisecs: Annotated[
        Millisecs, doc("The pace of the prepared transfers scan: the time between two reads.")
    ] = 100
    app_registered_balance_changes_scan_days: Annotated[
        Days, doc("The time of one pass over the archive of balance changes.")
    ] = 7.0
    app_registered_balance_changes_scan_blocks_per_query: Annotated[
        Count, doc("Database pages that the balance changes scan reads at once.")
    ] = 40
    app_registered_balance_changes_scan_beat_millisecs: Annotated[
        Millisecs, doc("The pace of the balance changes scan: the time between two reads.")
    ] = 100

    app_fetch_api_timeout_seconds: Annotated[
        float,
        Meta(ge=0.0, le=120.0, extra_json_schema={"counts_as": 120.0}),
        doc("The time limit of a request to the fetch API."),
    ] = 5.0
    app_fetch_dns_cache_seconds: Annotated[
        DaySeconds, doc("How long the fetch API's address is remembered.")
    ] = 10.0
    app_fetch_reachable_cache_seconds: Annotated[
        DaySeconds,
        doc(
            "How long it is remembered that a recipient in another shard is reachable; with 0 each"
            " time it is asked about."
        ),
    ] = 3600.0
    app_fetch_connections: Annotated[
        int,
        Meta(ge=0, le=1_000_000, extra_json_schema={"counts_as": 500}),
        doc("The most connections to the fetch API at once."),
    ] = 100
    app_fetch_data_cache_size: Annotated[
        int,
        Meta(ge=0, le=1_000_000, extra_json_schema={"chosen": True}),
        doc("How many currencies' configurations are remembered, for two hours."),
    ] = 1000
    app_verify_shard_yield_per: Annotated[
        Count, doc("Records that `verify_shard_content` reads at once.")
    ] = 10_000
    app_verify_shard_sleep_seconds: Annotated[
        float,
        Meta(ge=0.0, le=3600.0, description="How long it rests between two reads."),
    ] = 0.005

    @cached_property
    def realm(self) -> Realm:
        return Realm.parse(self.protocol_broker_queue_routing_key)

    @property
    def rate_change_interval(self) -> timedelta:
        """The shortest time between two changes of the interest rate of an account."""
        return timedelta(days=self.app_message_max_delay_days + 1)

    @property
    def console_place(self) -> str:
        """The address and the port of the console, as in a URL."""
        address = self.console_address
        return f"{f'[{address}]' if ':' in address else address}:{self.console_port}"

    @property
    def database_url(self) -> str:
        """The URL of the database, for SQLAlchemy with psycopg.

        Raises `SettingsError` if the environment does not set it.
        """
        url = self.sqlalchemy_database_uri or self.postgres_url
        if url is None:
            raise SettingsError("set POSTGRES_URL, or SQLALCHEMY_DATABASE_URI: neither is set")
        return re.sub(r"\Apostgresql:", "postgresql+psycopg:", url)

    @property
    def postgres_dsn(self) -> str:
        """The same URL, for libpq. Raises `SettingsError`."""
        return self.database_url.replace("+psycopg", "", 1)

    @property
    def shard_mark(self) -> str:
        """What tells this shard from others on the same machine: its database and its queue,
        whatever the role.
        """
        url = self.sqlalchemy_database_uri or self.postgres_url or ""
        address = url.partition("://")[2].rpartition("@")[2]
        about = f"{address}\n{self.protocol_broker_queue}"
        return blake2b(about.encode(), digest_size=8).hexdigest()
