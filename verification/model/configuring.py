"""ConfigureAccount: accounts come to be, are configured, and come back to life."""

from datetime import datetime

from . import ledger, money
from .ids import ROOT_CREDITOR_ID
from .outgoing import send_account_update, send_rejected_config
from .root_config import RootConfig, parse_root_config
from .state import Account, Message, Shard


def configure_account(shard: Shard, message: Message, now: datetime) -> None:
    """Apply the configuration, refuse it, or ignore it because it is late."""
    account = shard.accounts.get((message["debtor_id"], message["creditor_id"]))
    if account is None:
        if now - message["ts"] > shard.params.message_max_delay:
            return
    elif not _is_later(message, account) or _repeats_deletion(message, account):
        return

    config = _validate(message)
    if config is None:
        send_rejected_config(shard, message, now)
    elif account is None:
        _create(shard, message, config, now)
    else:
        _reconfigure(shard, account, message, config, now)


def _is_later(message: Message, account: Account) -> bool:
    if message["ts"] != account.last_config_ts:
        return bool(message["ts"] > account.last_config_ts)
    return money.is_later_seqnum(message["seqnum"], account.last_config_seqnum)


_OF_DRAINER = (0, 1, "", 1e30)


def _repeats_deletion(message: Message, account: Account) -> bool:
    """Whether the drainer of a dead agent says again what was applied."""
    known = (
        account.last_config_seqnum,
        account.config_flags,
        account.config_data,
        account.negligible_amount,
    )
    names = ("seqnum", "config_flags", "config_data", "negligible_amount")
    return known == tuple(message[n] for n in names) == _OF_DRAINER


def _validate(message: Message) -> RootConfig | None:
    if message["creditor_id"] == ROOT_CREDITOR_ID or message["config_data"] == "":
        return parse_root_config(message["config_data"])
    return None


def _create(shard: Shard, message: Message, config: RootConfig, now: datetime) -> None:
    account = ledger.create_account(shard, message["debtor_id"], message["creditor_id"], now)
    _store(account, message, config)
    send_account_update(shard, account, now)


def _reconfigure(
    shard: Shard, account: Account, message: Message, config: RootConfig, now: datetime
) -> None:
    ledger.touch(account, now)
    if account.is_deleted:
        ledger.undelete(account)
        ledger.take_debtor_rate(shard, account, now)
    _store(account, message, config)
    send_account_update(shard, account, now)


def _store(account: Account, message: Message, config: RootConfig) -> None:
    account.last_config_ts = message["ts"]
    account.last_config_seqnum = message["seqnum"]
    account.config_flags = message["config_flags"]
    account.config_data = message["config_data"]
    account.negligible_amount = message["negligible_amount"]
    if account.is_root:
        account.minimal_balance = -min(config.limit, money.floor(account.negligible_amount))
