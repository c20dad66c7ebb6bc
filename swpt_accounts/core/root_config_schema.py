"""What is in a RootConfigData document (SMP, RootConfigData)."""

from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, Range, Regexp

from swpt_accounts.core.fields import HexBytes, JsonInteger, JsonNumber, JsonText
from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.core.root_config import MAX_INTEREST_RATE, MIN_INTEREST_RATE


class _DebtorInfoSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    type = JsonText(required=True, validate=Regexp(r"DebtorInfo(-v[1-9][0-9]{0,5})?\Z"))
    iri = JsonText(required=True, validate=Length(min=1, max=200))
    content_type = JsonText(data_key="contentType", validate=Regexp(r"[\x00-\x7f]{0,100}\Z"))
    sha256 = HexBytes(validate=Length(equal=32))


class _RootConfigDataSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    type = JsonText(required=True, validate=Regexp(r"RootConfigData(-v[1-9][0-9]{0,5})?\Z"))
    rate = JsonNumber(validate=Range(MIN_INTEREST_RATE, MAX_INTEREST_RATE))
    limit = JsonInteger(validate=Range(0, MAX_INT64))
    info = fields.Nested(_DebtorInfoSchema)


_schema: Final = _RootConfigDataSchema()


def load(document: Any) -> dict[str, Any]:
    """The fields that are there. Raises `ValueError`, which says what is wrong where."""
    try:
        found: dict[str, Any] = _schema.load(document)
    except ValidationError as error:
        raise ValueError(error.messages) from None
    return found
