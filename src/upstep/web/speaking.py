"""Who speaks for events of a page: the widget's token beside them, looked at when they come and kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from upstep.config.settings import secret
from upstep.engine.intake.arriving import Event
from upstep.errors import ConfigError
from upstep.web.context import Context
from upstep.web.identity import Identity, TokenRefusedError, check_secret, read_token

HEADER = "x-upstep-token"
"""Where a request brings the token for all of its events; an event's own goes before."""

_TOKENS_MOST = 20
"""So many tokens of one request are looked at: a page has one, around its renewal two."""


class UnprovenError(ValueError):
    """A token came and proves nothing of this event: what was found, and what to do. Never the token itself."""

    def __init__(self, found: str, advice: str) -> None:
        self.found = found
        self.advice = advice
        super().__init__(f"{found} {advice}")


@dataclass
class Speaker:
    """Reads the tokens of one request.

    Args:
        served: The service.
        brought: The token of the header, if one came.
    """

    served: Context
    brought: str | None
    _known: dict[str, Identity | UnprovenError] = field(default_factory=dict)

    def account(self, event: Event, own: str | None) -> str | None:
        """The account for which the person of an event is proven to speak; None: no token came.

        Args:
            event: It names the person, and the account or none.
            own: The token that the event brought itself.

        Raises:
            UnprovenError: The token is not good, or is of another person or account.
        """
        token = own or self.brought
        if not token:
            return None
        found = self._read(token)
        if isinstance(found, UnprovenError):
            raise found
        if event.contact != found.contact_id:
            told = "the token is of another person than the event's userId."
            raise UnprovenError(
                told, "Sign 'sub' as the id that identify is called with; before that nobody is proven."
            )
        if event.group not in {None, found.account_id}:
            told = "the token is of another account than the event names."
            raise UnprovenError(told, "Sign 'account' as the id that group is called with.")
        return found.account_id

    def _read(self, token: str) -> Identity | UnprovenError:
        known = self._known.get(token)
        if known is None:
            known = self._known[token] = self._looked_at(token)
        return known

    def _looked_at(self, token: str) -> Identity | UnprovenError:
        if len(self._known) >= _TOKENS_MOST:
            return UnprovenError(f"the request has more than {_TOKENS_MOST} tokens.", "Send one, in the header.")
        try:
            named = self.served.project.settings.serving.token_secret
            return read_token(
                token, secret=check_secret(secret(named, key="serve.token_secret")), now=self.served.clock()
            )
        except TokenRefusedError as error:
            return UnprovenError(f"{error}.", "Have your server sign a new one; docs/widget.md shows how.")
        except ConfigError:
            told = "tokens cannot be read here."
            return UnprovenError(told, "Set serve.token_secret in upstep.yaml to a variable of 32 bytes.")
