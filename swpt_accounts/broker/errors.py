"""What an error of the broker, or of the database, says in one line."""

from pika.exceptions import AMQPError, ChannelClosed, ConnectionClosed

from swpt_accounts.db.errors import one_line


def describe(error: BaseException) -> str:
    """One line for an operator. The library hides the cause of a failed connection in others."""
    if not isinstance(error, AMQPError):
        return one_line(error)
    cause = _innermost(error)
    if isinstance(cause, ChannelClosed | ConnectionClosed):
        return f"RabbitMQ: {cause.reply_text} ({cause.reply_code})"
    if isinstance(cause, OSError):
        reason = cause.strerror or one_line(cause)
        file = f"{cause.filename}: " if cause.filename else ""
        return f"cannot connect to RabbitMQ: {file}{reason}"
    return f"RabbitMQ: {one_line(cause)}"


def _innermost(error: BaseException) -> BaseException:
    causes = (error.__cause__, getattr(error, "exception", None), *error.args)
    nested = next((cause for cause in causes if isinstance(cause, BaseException)), None)
    return error if nested is None else _innermost(nested)
