"""How texts are worded: a percentage the same way everywhere, and nothing of the seller's own concerns to a customer.

What a text to a customer must not say is the vendor's own calendar, quota or wish to sell, in the first person. The
customer's own quota and target are fine, and so is what stands between quotation marks: that is somebody's word.
"""

from __future__ import annotations

import re

from upstep.errors import Fault

_GOAL = (
    r"(?:quotas?|quarters?|fiscal years?|year[- ]end|sales (?:targets?|goals?|plan)|bookings?|commissions?|pipeline)"
)
_AIM = r"(?:quarter|month|year|quota|number|target|goal)"
_PHRASES = (
    rf"\b(?:our|my)\s+(?:\w+\s+){{0,2}}{_GOAL}\b",
    r"\b(?:our|my)\s+(?:revenue|growth|expansion|upsell)\s+(?:targets?|goals?|numbers?)\b",
    r"\b(?:hit|make|reach|meet|close|miss)(?:ting|ing)?\s+(?:our|my)\s+(?:targets?|numbers?|goals?|plan)\b",
    r"\bhelps?\s+(?:us|me)\s+(?:to\s+)?(?:hit|make|reach|meet|close|grow)\b",
    rf"\b(?:we|i)\s+(?:\w+\s+){{0,3}}(?:hit|make|reach|meet|clos(?:e|ing))\s+(?:the|this|our|my)\s+{_AIM}\b",
    r"\b(?:before|by|at)\s+(?:the\s+)?(?:end|close)\s+of\s+(?:the\s+|this\s+|our\s+)?(?:quarter|fiscal year)\b",
    r"\b(?:quarter|year|month|fiscal)[- ]end\s+(?:discount|deal|price|offer|special)s?\b",
)
_WHOLE = re.compile("|".join(f"(?:{phrase})" for phrase in _PHRASES), re.IGNORECASE)
_QUOTED = re.compile(r"“[^”]*”")


def percentage(number: float, digits: int = 0, *, signed: bool = False) -> str:
    """So many percent as people read it, wherever they do: in pages, messages, invoices, on the terminal.

    >>> percentage(92), percentage(103.21, 1), percentage(4.0, 1, signed=True)
    ('92%', '103.2%', '+4.0%')
    """
    return f"{number:{'+' if signed else ''},.{digits}f}%"


def vendor_phrases(text: str, place: str) -> list[Fault]:
    """Every phrase that speaks of the vendor's goals, with its line.

    >>> [fault.found for fault in vendor_phrases("Could you sign before our quarter ends?", "mail")]
    ["says 'our quarter', which is the seller's concern."]
    >>> vendor_phrases("Your quota of 3,000 e-mails is nearly used, and your target is met.", "mail")
    []
    """
    # Blanked at its length, so that what follows keeps its line.
    own = _QUOTED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return [
        Fault(
            f"{place}:{own.count(chr(10), 0, found.start()) + 1}",
            f"says '{' '.join(found[0].split())}', which is the seller's concern.",
            "A customer's reason to act is their own: say what it does for them, or leave it out.",
        )
        for found in _WHOLE.finditer(own)
    ]
