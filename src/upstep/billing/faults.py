"""Moved to ``upstep.faults``, where every layer reaches it."""

from upstep.faults import KILLED, point

__all__ = ["KILLED", "point"]
