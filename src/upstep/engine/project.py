"""One project folder: its settings, catalog, plays and compiled queries, opened once per command."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.catalog.load import load_catalog, read_catalog
from upstep.config import Settings, load_settings, read_settings, secret
from upstep.engine.compiled import kept_value
from upstep.engine.peers import PeerCounts
from upstep.errors import CatalogError, ConfigError, Fault, InputError, OutsideError, PlayError, did_you_mean
from upstep.garbage import rarely_collected
from upstep.plays.play import Kinds, Playbook, kinds_of, load_playbook
from upstep.plays.rank import Rules
from upstep.signals.profile import build, shape_of, vocabulary
from upstep.tables.schema import TABLES
from upstep.tables.stage import KnownIds
from upstep.yaml_file import in_file_order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from upstep.catalog.model import AddOn, Catalog, Plan
    from upstep.signals.profile import Shape, Vocabulary
    from upstep.state.inbox import Inbox
    from upstep.tables.query import Program


@dataclass
class Project:
    """A project folder. What is expensive is made when first asked for and kept.

    Args:
        extra_plays: Play files beside those shipped and the company's own, as a benchmark uses.
    """

    folder: Path
    extra_plays: Sequence[Path] = field(default=())

    def __post_init__(self) -> None:
        found = folder_format(self.folder)
        if found is not None and found > FORMAT:
            told = f"{self.folder}: was written by a newer upstep (format {found}, this one writes {FORMAT})."
            raise OutsideError(f"{told} Install that version.")

    peers: PeerCounts = field(default_factory=PeerCounts, init=False, repr=False, compare=False)
    """What ``engine.peers`` counted last; messages say nothing of peers before."""

    @cached_property
    def settings(self) -> Settings:
        """upstep.yaml."""
        return load_settings(self.folder)

    @cached_property
    def catalog(self) -> Catalog:
        """catalog.yaml."""
        return load_catalog(self.folder / "catalog.yaml")

    def check_files(self) -> None:
        """Read upstep.yaml, catalog.yaml and the company's own plays, and whether each has what the others name.

        Plays need a sound catalog: beside a faulty one theirs are not told.

        Raises:
            InputError: With every fault of every file; its class names the file where there is one.
        """
        settings, faults = read_settings(self.folder)
        catalog, catalog_faults = read_catalog(self.folder / "catalog.yaml")
        if settings is not None and catalog is not None:
            faults = in_file_order([*faults, *_untracked(settings, catalog)])
        play_faults = [] if settings is None or catalog_faults else self._play_faults(settings)
        told: dict[type[InputError], Sequence[Fault]] = {
            ConfigError: faults,
            CatalogError: catalog_faults,
            PlayError: play_faults,
        }
        faulty = [error for error, found in told.items() if found]
        if faulty:
            error = faulty[0] if len(faulty) == 1 else InputError
            raise error([fault for found in told.values() for fault in found])

    def _play_faults(self, settings: Settings) -> Sequence[Fault]:
        own = self.folder / "plays"
        if not settings.plays_off and not own.is_dir():
            return ()
        try:
            load_playbook(self.catalog, self.kinds, own=own, off=settings.plays_off, extra=self.extra_plays)
        except PlayError as error:
            return error.faults
        return ()

    @property
    def known_ids(self) -> KnownIds:
        """What the catalog names, by which loading recognises unknown words."""
        catalog = self.catalog
        owners: list[Plan | AddOn] = [*catalog.plans(), *catalog.add_ons()]
        features = {feature.id for owner in owners for feature in owner.features}
        return KnownIds(
            meters=frozenset(catalog.meters),
            products=frozenset(catalog.products),
            plans=frozenset(plan.id for plan in catalog.plans()),
            add_ons=frozenset(add_on.id for add_on in catalog.add_ons()),
            features=frozenset(features),
        )

    def words(
        self, as_of: datetime, *, meter_keys: dict[str, int], known: dict[str, bool], usage_from_day: int = 0
    ) -> Vocabulary:
        """The small tables of one run; see ``signals.profile.vocabulary``."""
        return vocabulary(
            self.catalog,
            as_of=as_of,
            meter_keys=meter_keys,
            company_zone=self.settings.time_zone,
            known=known,
            usage_from_day=usage_from_day,
        )

    def profiles(self) -> Program:
        """A program of the signal queries, the caller's own to add to. It depends on the catalog's shape alone."""
        return self._profiles.copy()

    @property
    def _profiles(self) -> Program:
        from upstep.clock import from_seconds

        shape = shape_of(self.catalog)
        if shape not in _PROFILES:
            words = self.words(from_seconds(1_750_000_000), meter_keys={}, known=dict.fromkeys(TABLES, True))
            with rarely_collected():
                _PROFILES[shape] = build(shape, words)
        return _PROFILES[shape]

    @property
    def shape(self) -> str:
        """What kept queries are found by: a change of the catalog that leaves its shape alone compiles nothing anew."""
        return repr(shape_of(self.catalog))

    @property
    def cache_folder(self) -> Path:
        """Where compiled queries are kept; it may be deleted at any time.

        ``UPSTEP_CACHE`` in the environment names one folder for all projects.
        """
        shared = os.environ.get("UPSTEP_CACHE")
        return Path(shared) if shared else self.folder / ".upstep" / "cache"

    @cached_property
    def kinds(self) -> Kinds:
        """The columns that conditions may read, by grain."""
        parts = (self.shape,)
        kinds: Kinds = kept_value(self.cache_folder, "columns", parts, lambda: kinds_of(self.profiles()))
        return kinds

    @cached_property
    def playbook(self) -> Playbook:
        """The plays that run: shipped, own, without those named under plays.off."""
        return load_playbook(
            self.catalog,
            self.kinds,
            own=self.folder / "plays",
            off=self.settings.plays_off,
            extra=self.extra_plays,
        )

    def rules(self, *, owners_connected: bool) -> Rules:
        """The settings that ranking reads. ``assisted_owned: auto`` means yes when the owner table is connected."""
        settings = self.settings
        owned = {"yes": True, "no": False, "auto": owners_connected}[settings.assisted_owned]
        return Rules(
            assisted_from_minor=settings.assisted_from_minor,
            assisted_owned=owned,
            cool_down_days=settings.cool_down_days,
            declined_days=settings.declined_days,
            not_now_days=settings.contact.not_now_days,
            assumed=frozenset(assumption.gate for assumption in settings.assumptions),
            default_owner=settings.default_owner,
        )

    @property
    def billed_path(self) -> Path:
        """What the billing provider told of subscription items since facts were loaded."""
        return self.folder / ".upstep" / "billing" / "subscription_item.jsonl"

    @property
    def spoken_for(self) -> dict[str, frozenset[str]]:
        """Subscription items that the provider has changed: its word stands against an older export."""
        if not self.billed_path.exists():
            return {}
        lines = self.billed_path.read_text(encoding="utf-8").splitlines()
        return {"subscription_item": frozenset(str(json.loads(line)["item_id"]) for line in lines)}

    @property
    def told(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What events told of accounts and contacts, by table and key."""
        if isinstance(self.inbox_address, Path) and not self.inbox_address.exists():
            return {}
        inbox = open_project_inbox(self)
        try:
            return {table: inbox.told(table) for table in ("account", "contact")}
        finally:
            inbox.close()

    @property
    def state_path(self) -> Path:
        """The file of the operational database where upstep.yaml names no other."""
        return self.folder / ".upstep" / "state.db"

    @property
    def state_address(self) -> str | Path:
        """Where the operational database is: a file of the project folder, or the server that ``state`` names.

        Raises:
            ConfigError: The variable that ``state`` names is not set, or holds no address of a Postgres database.
        """
        return self._server or self.state_path

    @property
    def inbox_address(self) -> str | Path:
        """Where events wait that were taken in: a file of its own, or a table beside the state."""
        return self._server or self.folder / ".upstep" / "inbox.db"

    @property
    def has_state(self) -> bool:
        """Whether there may be anything in the operational database: a file is made when it is first written."""
        return self.settings.state is not None or self.state_path.exists()

    @cached_property
    def _server(self) -> str | None:
        name = self.settings.state
        return None if name is None else postgres_address(secret(name, key="state"))

    @property
    def sandbox_path(self) -> Path:
        """The embedded biller's own file."""
        return self.folder / ".upstep" / "sandbox.db"


_PROFILES: dict[Shape, Program] = {}
"""The signal queries of each shape that this process met, built once; there are few shapes."""

FORMAT = 1
"""The form of a project folder; raised when an older program could not use it any more."""


def folder_format(folder: Path) -> int | None:
    """The form that ``upstep upgrade`` noted last; None: none was noted, as before there was a second one."""
    try:
        return int((folder / ".upstep" / "format").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def postgres_address(text: str) -> str:
    """The address as the driver wants it.

    Raises:
        ConfigError: It is no address of a Postgres database, or the driver is not installed.

    >>> postgres_address("postgres://upstep@db.example/upstep")
    'postgresql+psycopg://upstep@db.example/upstep'
    """
    scheme, found, rest = text.partition("://")
    if not found or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        # The address may hold a password, so it is not repeated.
        told = "is no address of a Postgres database."
        raise ConfigError(Fault("upstep.yaml: state", told, "Write postgresql://user@host/database into the variable."))
    if find_spec("psycopg") is None:
        told, advice = "is on Postgres, whose driver is not installed.", "Run pip install 'upstep[postgres]'."
        raise ConfigError(Fault("upstep.yaml: state", told, advice))
    return f"postgresql+psycopg://{rest}"


def open_project_state(project: Project) -> sa.Engine:
    """The operational database, made when it is not there yet."""
    from upstep.state.session import open_state

    return open_state(project.state_address)


def open_project_inbox(project: Project) -> Inbox:
    """The inbox, made when it is not there yet."""
    from upstep.state.inbox import open_inbox

    return open_inbox(project.inbox_address)


def _untracked(settings: Settings, catalog: Catalog) -> list[Fault]:
    """Meters that ``ingest.track`` names and the catalog has not: usage of them would come to nothing."""
    meters = catalog.meters
    return [
        Fault(tracked.place, f"meter '{tracked.meter}' is not in the catalog.", did_you_mean(tracked.meter, meters))
        for tracked in settings.ingest.track.values()
        if tracked.meter is not None and tracked.meter not in meters
    ]
