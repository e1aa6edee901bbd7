"""Structured logs: one JSON object a line, with the request's name, and nothing that must stay secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.tracebacks import ExceptionDictTransformer

_SECRET = re.compile(r"(secret|token|password|authorization|cookie|signature|api_?key|write_?key)", re.IGNORECASE)
_WORDS = re.compile(
    r"ups_[a-z2-7]{13}_[A-Za-z0-9_-]+"  # a key of ours
    r"|whsec_[A-Za-z0-9+/=]+|sk_(?:live|test)_\w+|rk_(?:live|test)_\w+"
    r"|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # a signed token
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # a user and password in a URL
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # somebody's address
)
HIDDEN = "[hidden]"
_STAMPED = structlog.processors.TimeStamper(fmt="iso", utc=True)


def set_up_logs(stream: TextIO | None = None) -> None:
    """Log JSON lines to a stream, those of the standard library's loggers too; default: standard error."""
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _STAMPED,
    ]
    last: list[Any] = [
        # Without locals, which hold bodies and keys.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        without_secrets,
        _as_json,
    ]
    structlog.configure(
        processors=[*first, *last],
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    _REQUESTS.stream = stream or sys.stderr
    handler = logging.StreamHandler(stream or sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, *last], foreign_pre_chain=first))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("upstep").setLevel(logging.INFO)


def log_request(method: str, route: str, status: int, seconds: float, *, asked: Mapping[str, Any]) -> None:
    """Log that a request was answered: our own words and figures alone, so nothing is looked through for secrets.

    Args:
        asked: The request's name, and whose key it carried.
    """
    told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}
    told |= {"request_id": asked.get("request_id"), "key_id": asked.get("key_id")}
    stream = _REQUESTS.stream
    if stream is None:
        structlog.get_logger().info("request", **told)
        return
    line = _STAMPED(None, "info", {**told, "event": "request", "level": "info"})
    stream.write(f"{msgspec.json.encode(line).decode()}\n")
    stream.flush()


class _Requests:
    """Where lines of requests go, put together at once: a thousand a second do. None: nobody has set up logs."""

    stream: TextIO | None = None


_REQUESTS = _Requests()


def without_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what a key's name or a value's form says is secret, and people's addresses."""
    return {key: HIDDEN if _SECRET.search(key) and key != "key_id" else _hidden(value) for key, value in event.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return _WORDS.sub(HIDDEN, value) if len(value) > 5 else value
    if isinstance(value, Mapping):
        return without_secrets(None, "", dict(value))
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    return value


def _as_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
