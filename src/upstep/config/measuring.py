"""The sections ``experiments`` and ``incentives``: who is never asked, and what may be given away."""

from __future__ import annotations

from dataclasses import dataclass

from upstep.yaml_file import Node

MOTIONS = ("upsell", "volume", "add_on", "cross_sell", "commit")


@dataclass(frozen=True)
class Experiments:
    """Shares of accounts that are never asked, in percent.

    Args:
        salt: Mixed into the hash by which accounts are assigned; another salt draws anew.
        holdout_percent: Of all accounts, on the paths below.
        holdout_paths: Whose steps are held out: self_serve, assisted.
        motion_percent: Of all accounts, for one motion: pairs of motion and percent.
    """

    salt: str = "upstep"
    holdout_percent: int = 0
    holdout_paths: tuple[str, ...] = ("self_serve",)
    motion_percent: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Incentive:
    """What an offer of a play may give.

    Args:
        kind: first_period_off, percent, amount or trial.
        percent: Off each period, for ``percent``.
        amount_minor: Off each period, in company currency, for ``amount``.
        periods: For how many; 1 for ``first_period_off``.
        trial_days: For ``trial``: what is new costs nothing for so many days, 1 to 90.
        budget_minor: What the play may give away in all, in company currency.
        margin_percent: The first year's price may not fall below this share of the list price.
        expires_days: The incentive ends this long after the offer opens.
    """

    play: str
    kind: str
    budget_minor: int
    percent: int = 0
    amount_minor: int = 0
    periods: int = 1
    trial_days: int = 0
    margin_percent: int = 70
    expires_days: int = 14


def read_experiments(node: Node) -> Experiments:
    """``experiments: {holdout_percent: 10, paths: [self_serve], motions: {upsell: 5}, salt: …}``."""
    node.unknown_keys(("salt", "holdout_percent", "paths", "motions"))
    motions = node.mapping("motions")
    if motions:
        motions.unknown_keys(MOTIONS)
    shares = [(motion, _percent(motions, motion)) for motion, _ in motions.pairs()] if motions else []
    return Experiments(
        salt=node.text("salt", "upstep"),
        holdout_percent=_percent(node, "holdout_percent"),
        holdout_paths=node.words("paths", ("self_serve",), allowed=("self_serve", "assisted")),
        motion_percent=tuple((motion, share) for motion, share in shares if motion in MOTIONS),
    )


def _percent(node: Node, key: str) -> int:
    share = node.whole(key, 0)
    if share > 100:
        (node.child(key) or node).fault(f"{key} is {share}.", "Write a share in percent, 0 to 100.")
    return share


def read_incentives(node: Node) -> tuple[Incentive, ...]:
    """``incentives: {annual_commit: {kind: percent, percent: 10, periods: 1, budget: 500000}}``, by play."""
    found = []
    for play, entry in node.pairs():
        entry.unknown_keys(
            ("kind", "percent", "amount", "periods", "trial_days", "budget", "margin_percent", "expires_days")
        )
        found.append(
            Incentive(
                play=play,
                kind=entry.text("kind", allowed=("first_period_off", "percent", "amount", "trial")),
                budget_minor=entry.whole("budget"),
                percent=_percent(entry, "percent"),
                amount_minor=entry.whole("amount", 0),
                periods=entry.whole("periods", 1, minimum=1),
                trial_days=_trial_days(entry),
                margin_percent=entry.whole("margin_percent", 70),
                expires_days=entry.whole("expires_days", 14, minimum=1),
            )
        )
    return tuple(found)


def _trial_days(entry: Node) -> int:
    days = entry.whole("trial_days", 0)
    is_trial = entry.text("kind", "") == "trial"
    if is_trial and not 1 <= days <= 90:
        (entry.child("trial_days") or entry).fault(f"a trial of {days} days.", "Write trial_days: 14; 1 to 90.")
    return days
