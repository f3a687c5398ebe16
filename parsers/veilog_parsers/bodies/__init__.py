"""The request and response bodies of model providers, read into one ``Exchange``."""

from veilog_parsers.bodies.exchange import Exchange
from veilog_parsers.bodies.read import read_exchange, read_request, read_response

__all__ = ["Exchange", "read_exchange", "read_request", "read_response"]
