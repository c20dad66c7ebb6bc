"""How to connect to a broker."""

import pika

HEARTBEAT_SECONDS = 60


def connection_parameters(url: str, name: str) -> pika.URLParameters:
    """The parameters of a connection that the operator sees under this name."""
    parameters = pika.URLParameters(url)
    parameters.heartbeat = HEARTBEAT_SECONDS
    parameters.socket_timeout = 5
    parameters.stack_timeout = 10
    parameters.blocked_connection_timeout = 60
    parameters.client_properties = {"connection_name": f"swpt_accounts {name}"}
    return parameters
