"""Upstep: finds each subscriber's next obvious step, and says as clearly when there is none."""

from importlib.metadata import version

__version__ = version("upstep")
