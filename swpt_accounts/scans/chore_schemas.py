"""What is in the messages of the chores."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, Range, Regexp

from swpt_accounts.core.fields import HexBytes, JsonInteger, JsonNumber, JsonText
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.timestamps import to_utc, wire_timestamp


class _Moment(fields.Field[datetime]):
    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> Any:
        return None if value is None else wire_timestamp(value)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        try:
            return to_utc(datetime.fromisoformat(value))
        except (TypeError, ValueError) as error:
            raise ValidationError(f"Not a moment: {error}.") from None


def _check_sha256(value: bytes) -> None:
    if len(value) not in (0, 32):
        raise ValidationError("Neither empty nor 32 bytes.")


class _ChoreSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    debtor_id = JsonInteger(required=True, validate=Range(MIN_INT64, MAX_INT64))
    creditor_id = JsonInteger(required=True, validate=Range(MIN_INT64, MAX_INT64))


class _ChangeInterestRateSchema(_ChoreSchema):
    interest_rate = JsonNumber(required=True)
    ts = _Moment(required=True)


class _UpdateDebtorInfoSchema(_ChoreSchema):
    debtor_info_iri = JsonText(required=True, validate=Length(max=200))
    debtor_info_content_type = JsonText(required=True, validate=Regexp(r"[\x00-\x7f]{0,100}\Z"))
    debtor_info_sha256 = HexBytes(required=True, validate=_check_sha256)
    ts = _Moment(required=True)


_SCHEMAS: Final[Mapping[str, Schema]] = {
    "ChangeInterestRate": _ChangeInterestRateSchema(),
    "UpdateDebtorInfo": _UpdateDebtorInfoSchema(),
    "CapitalizeInterest": _ChoreSchema(),
    "TryToDeleteAccount": _ChoreSchema(),
}


def dump(chore_type: str, chore: object) -> dict[str, Any]:
    """The fields of a chore, as JSON has them."""
    return dict(_SCHEMAS[chore_type].dump(chore))


def load(chore_type: str, document: Any) -> dict[str, Any]:
    """The fields of a chore. Raises `ValueError`, which says what is wrong where."""
    try:
        return dict(_SCHEMAS[chore_type].load(document))
    except ValidationError as error:
        raise ValueError(error.messages) from None
