"""What an error of the broker, or of the database, says in one line."""

from pika.exceptions import AMQPError, ChannelClosed, ConnectionClosed

from swpt_accounts.broker.connections import BrokerUnreachable
from swpt_accounts.db.errors import innermost, one_line


def describe(error: BaseException) -> str:
    """One line for an operator, which says which server it is about."""
    if not isinstance(error, AMQPError) or isinstance(error, BrokerUnreachable):
        return one_line(error)
    cause = innermost(error)
    if isinstance(cause, ChannelClosed | ConnectionClosed):
        return f"RabbitMQ: {cause.reply_text} ({cause.reply_code})"
    return f"RabbitMQ: {one_line(cause)}"
