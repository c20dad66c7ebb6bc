"""The settings of the server that stand for the parameters of the oracle."""

from datetime import timedelta

import msgspec

from swpt_accounts.settings import Settings
from verification.model.state import Params

DAY = timedelta(days=1)


def settings_with(settings: Settings, params: Params) -> Settings:
    """The same settings, but for those of which the oracle knows."""
    return msgspec.structs.replace(
        settings,
        app_prepared_transfer_max_delay_days=params.commit_period / DAY,
        app_message_max_delay_days=params.message_max_delay / DAY,
        app_intranet_extreme_delay_days=params.extreme_delay / DAY,
        app_account_heartbeat_days=params.heartbeat / DAY,
        app_prepared_transfer_remainder_days=params.reminder / DAY,
        app_min_interest_capitalization_days=params.min_capitalization_interval / DAY,
        app_max_interest_to_principal_ratio=params.max_interest_to_principal_ratio,
        app_deletion_attempts_min_days=params.min_deletion_attempt_interval / DAY,
        remove_from_archive_threshold_date=params.archive_threshold,
    )
