"""The line to Stripe: its SDK, imported when it is first needed, with its answers as dicts and its errors as ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from upstep.errors import ConfigError, Fault, OutsideError, QuoteError

if TYPE_CHECKING:
    import stripe

Thing = dict[str, Any]

TIMEOUT_SECONDS = 30.0
"""How long an answer is waited for. Stripe's own default is 80; a charge that takes longer is found by its key."""

RETRIES = 2
"""How often the SDK asks again by itself, with the same key, when there was no answer."""


class PaymentRefusedError(Exception):
    """The card was refused (HTTP 402), so nothing was done. Only ``biller`` sees it and answers with a value."""

    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        self.why = why
        super().__init__(why)


def load_sdk() -> ModuleType:
    """The SDK.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import stripe
    except ImportError as error:
        raise ConfigError(
            Fault(
                "upstep.yaml: billing.provider",
                "is 'stripe', and Stripe's SDK is not installed.",
                "Install it: pip install 'upstep[stripe]'.",
            )
        ) from error
    # It would write an identifier into the home folder and send it along.
    stripe.enable_telemetry = False
    return stripe


def open_client(
    api_key: str, *, base_url: str | None = None, timeout: float = TIMEOUT_SECONDS, retries: int = RETRIES
) -> stripe.StripeClient:
    """A client of Stripe's SDK. ``base_url`` is for a server that stands in for Stripe.

    Raises:
        ConfigError: The SDK is not installed.
    """
    sdk = load_sdk()
    client: stripe.StripeClient = sdk.StripeClient(
        api_key,
        base_addresses={"api": base_url} if base_url else None,
        http_client=sdk.RequestsClient(timeout=timeout),
        max_network_retries=retries,
    )
    return client


class Line:
    """Asks Stripe and translates. Every method gives dicts; see ``errors`` for what they raise."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client

    def ask(self, verb: Callable[..., Any], *args: Any, key: str | None = None) -> Thing:
        """One call; ``key`` is its idempotency key."""
        options = {"idempotency_key": key} if key else {}
        with errors():
            answer: Thing = verb(*args, options).to_dict(for_json=True)
        return answer

    def find(self, verb: Callable[..., Any], *args: Any) -> Thing | None:
        """One call; None when there is no such thing."""
        sdk = load_sdk()
        try:
            return self.ask(verb, *args)
        except QuoteError as error:
            cause = error.__cause__
            if isinstance(cause, sdk.InvalidRequestError) and cause.http_status == 404:
                return None
            raise

    def every(self, verb: Callable[..., Any], params: Thing) -> Iterator[Thing]:
        """All pages of a list, in the order in which Stripe gives them; with ``ending_before`` oldest first."""
        with errors():
            for thing in verb(params).auto_paging_iter():
                yield thing.to_dict(for_json=True)


@contextmanager
def errors() -> Iterator[None]:
    """Stripe's errors as ours.

    Raises:
        OutsideError: No answer, or one that says to come back: it may have happened.
        ConfigError: The key is not one of Stripe's, or may not do this.
        PaymentRefusedError: The card was refused.
        QuoteError: The request was refused, or the key has been used for another one; nothing was changed.
    """
    sdk = load_sdk()
    try:
        yield
    except (sdk.AuthenticationError, sdk.PermissionError) as error:
        fault = Fault(
            "upstep.yaml: billing.key", f"Stripe refuses it: {_said(error)}", "Use a secret key that may bill."
        )
        raise ConfigError(fault) from error
    except sdk.CardError as error:
        raise PaymentRefusedError(_reason(error), _said(error)) from error
    except sdk.IdempotencyError as error:
        fault = Fault(
            "Stripe", "this key has been used for another request.", "Nothing was changed. Accept the quote anew."
        )
        raise QuoteError(fault) from error
    except sdk.InvalidRequestError as error:
        where = f"Stripe ({error.param})" if error.param else "Stripe"
        raise QuoteError(Fault(where, _said(error))) from error
    except sdk.StripeError as error:
        raise OutsideError(f"Stripe gave no answer: {_said(error)} It may have happened; ask again.") from error


def _said(error: Any) -> str:
    """Stripe's sentence in one line, without the request's number."""
    return " ".join(str(error.user_message or error).split())


def _reason(error: Any) -> str:
    said = error.error.to_dict() if error.error else {}
    return str(said.get("decline_code") or error.code or "declined")
