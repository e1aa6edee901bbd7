"""Facts that come in live: time is told to them also when nothing happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from upstep.clock import to_seconds
from upstep.tables.lake import read_manifest, write_manifest
from upstep.tables.lock import writer_lock


def tell_time(project: Path, *, now: datetime) -> bool:
    """Everything that happened up to now has come in: decisions are as of now. Returns whether that is news.

    Nothing for facts that never came in live; what is complete then is what a load said.

    Raises:
        BusyError: Another process writes facts.
    """
    with writer_lock(project, command="upstep worker", now=now):
        manifest = read_manifest(project)
        if manifest.live_through is None or manifest.live_through >= to_seconds(now):
            return False
        write_manifest(project, replace(manifest, live_through=to_seconds(now)))
        return True
