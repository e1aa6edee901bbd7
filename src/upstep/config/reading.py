"""Values that stand in several sections: names of secrets, and times of day."""

from __future__ import annotations

import re
from datetime import time

from upstep.yaml_file import Node


def secret_name(node: Node, key: str) -> str | None:
    """The variable that ``${NAME}`` names. What stands there instead may be a secret, so it is not repeated."""
    text = node.text(key, None)
    named = re.fullmatch(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", text) if text else None
    if text and named is None:
        (node.child(key) or node).fault(
            f"{key} is a secret and must not stand in this file.",
            f"Write {key}: ${{NAME}}, and set the environment variable NAME. Was it a real one? Change it.",
        )
    return named[1] if named else None


def time_of_day(node: Node, key: str, default: time) -> time:
    """``"20:00"``."""
    text = node.text(key, None)
    if text is None:
        return default
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        (node.child(key) or node).fault(f"'{text}' is no time of day.", 'Write it as "20:00".')
        return default
    return time(int(found[1]), int(found[2]))
