"""What the real Stripe does with a request's parameters: form-encoded nesting, and a refusal of what it does not know.

The parameters that exist are read from the official SDK's own types, which are made from Stripe's API description. So
the fake cannot take a parameter that the real one would refuse, and needs no list of its own.
"""

from __future__ import annotations

import functools
import re
import sys
import types
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import parse_qsl

import stripe.params
from stripe._request_options import RequestOptions
from typing_extensions import get_type_hints, is_typeddict


class RefusedError(Exception):
    """An answer of Stripe that is an error."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        kind = {402: "card_error", 401: "authentication_error"}.get(status, "invalid_request_error")
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message}
        if code:
            self.error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
        if param:
            self.error["param"] = param


def decoded(form: str) -> dict[str, Any]:
    """``items[0][price]=a&expand[]=b`` as nested dicts and lists of text."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        first, *rest = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        place, key = tree, first
        for part in rest:
            place = place.setdefault(key, {})
            key = part or str(len(place))
        place[key] = value
    return {key: _listed(value) for key, value in tree.items()}


def _listed(value: Any) -> Any:
    """A dict whose keys are 0, 1, 2… is a list."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(inner) for key, inner in value.items()}


def checked(params: dict[str, Any], kind: str) -> dict[str, Any]:
    """The parameters with their types, for the SDK's ``kind`` of parameters (as "SubscriptionUpdateParams").

    Raises:
        RefusedError: As the real one: unknown, missing, not of the type, not one of the words.
    """
    found: dict[str, Any] = _typed(params, _params_type(kind), "")
    return found


@functools.cache
def _params_type(kind: str) -> Any:
    found: Any = stripe.params
    for part in kind.split("."):
        found = getattr(found, part)
    return found


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    # The options of a request (key, account, version) stand in the same type and name classes that it does not import.
    hints = get_type_hints(kind, vars(sys.modules[kind.__module__]), {"StripeContext": object, "Mapping": dict})
    return {name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__}


def _typed(value: Any, hint: Any, path: str) -> Any:
    options = _options(hint)
    structs = [option for option in options if is_typeddict(option)]
    lists = [option for option in options if get_origin(option) is list]
    if isinstance(value, dict) and structs:
        return _struct(value, structs[0], path)
    if isinstance(value, dict) and any(get_origin(option) is dict for option in options):
        return {key: str(inner) for key, inner in value.items()}
    if isinstance(value, list) and lists:
        (inner,) = get_args(lists[0])
        return [_typed(element, inner, f"{path}[{number}]") for number, element in enumerate(value)]
    if isinstance(value, dict | list):
        raise RefusedError(f"Invalid string: {value}", param=path)
    if value == "" or not (structs or lists):
        return _scalar(value, options, path)
    raise RefusedError(f"Invalid {'object' if structs else 'array'}", code=None, param=path)


def _struct(value: dict[str, Any], kind: Any, path: str) -> dict[str, Any]:
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            name = f"{path}[{key}]" if path else key
            raise RefusedError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    for key in sorted(set(kind.__required_keys__) & set(hints)):
        if key not in value:
            name = f"{path}[{key}]" if path else key
            raise RefusedError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return {key: _typed(inner, hints[key], f"{path}[{key}]" if path else key) for key, inner in value.items()}


def _scalar(value: str, options: list[Any], path: str) -> Any:
    words = {word for option in options if get_origin(option) is Literal for word in get_args(option)} - {""}
    if value == "":
        return ""
    if bool in options and value in ("true", "false"):
        return value == "true"
    if value in words:
        return value
    if int in options:
        if re.fullmatch(r"-?\d+", value):
            return int(value)
        if not words and str not in options:
            raise RefusedError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
    if bool in options:
        raise RefusedError(f"Invalid boolean: {value}", param=path)
    if words:  # The SDK's words are open (`| str`); the real server's are not.
        raise RefusedError(f"Invalid {path}: must be one of {', '.join(sorted(map(str, words)))}", param=path)
    return value


def _options(hint: Any) -> list[Any]:
    """The members of a union, wrappers such as NotRequired taken off."""
    if get_origin(hint) in (Union, types.UnionType):
        return [option for member in get_args(hint) for option in _options(member)]
    return [hint]
