"""JSON shapes: what ``--json`` prints, as docs/schemas describes it. Keys are never absent, they are null."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.shapes import decision, explanation, plain, run

if TYPE_CHECKING:
    from upstep.cli.digest import Held

__all__ = ["decision", "explanation", "held", "plain", "run"]


def held(one: Held) -> dict[str, Any]:
    """What a gate holds."""
    return {**asdict(one), "names": list(one.names)}
