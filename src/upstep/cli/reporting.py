"""upstep report: what came of a month, in money: the bridge, retention, where growth came from, what offers earned."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.cli.terminal import counted, grid, heading, indented, next_command, print_json, progress, show
from upstep.money import CURRENCIES
from upstep.wording import percentage

if TYPE_CHECKING:
    from rich.text import Text

    from upstep.engine.measuring.reporting import Asking

Told = Mapping[str, Any]
"""The report as ``engine.measuring.statement`` gives it."""

CUTS = ("segment", "plan", "cohort", "owner")
_ROWS = 12
"""Rows of a cut that fit a screen; the page and ``--json`` have all."""


def report(  # noqa: PLR0913 - a command's parameters are its options
    topic: Annotated[
        str | None, typer.Argument(metavar="[forecasts]", help="forecasts: past forecasts beside what happened.")
    ] = None,
    *,
    month: Annotated[str | None, typer.Option(metavar="2026-10", help="One month. Default: the last complete.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="2026-08", help="The first month of several.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="2026-10", help="The last month of several.")] = None,
    policy: Annotated[
        str | None, typer.Option(help="How MRR is counted: standard, chartmogul, stripe. Default: upstep.yaml.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="What the table of parts is cut by: segment, plan, cohort, owner.")
    ] = "segment",
    view: Annotated[str, typer.Option(help="net: an account's changes at one instant as one. event: each.")] = "net",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Also write it as CSV.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write it as a page.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Tell what came of a month: MRR from start to end, NRR and GRR, growth by cause, what offers earned."""
    if topic is not None:
        _topic(topic, project, as_json=as_json)
        return
    from upstep.engine.measuring.reporting import make_report
    from upstep.engine.measuring.statement import as_csv, statement
    from upstep.engine.project import Project

    asking = _asking(month, first, last, policy=policy, by=by, view=view)
    opened = Project(project)
    _ = opened.settings, opened.catalog  # their faults come before any work
    with progress(quiet=as_json) as tell:
        made = make_report(opened, asking, progress=tell)
    told = statement(made, opened.catalog)
    written = _write(csv, lambda: as_csv(told)) + _write(html, lambda: _page(told))
    if as_json:
        print_json(told)
        return
    _show(told, by=by)
    for path in written:
        show(f"Written: {path.resolve().as_uri()}")
    if html is None:
        _next(told, project)


def _topic(topic: str, project: Path, *, as_json: bool) -> None:
    """What is told instead of a month.

    Raises:
        ConfigError: No such topic.
    """
    from upstep.cli.learning import forecasts
    from upstep.errors import ConfigError, Fault, did_you_mean

    if topic != "forecasts":
        advice = did_you_mean(topic, ["forecasts"])
        raise ConfigError(Fault("report", f"'{topic}' is no topic; a month is named as --month 2026-10.", advice))
    forecasts(weeks=13, project=project, as_json=as_json)


def _asking(
    month: str | None, first: str | None, last: str | None, *, policy: str | None, by: str, view: str
) -> Asking:
    """What the options ask for.

    Raises:
        ConfigError: With every option that is wrong.
    """
    from upstep.engine.measuring.reporting import Asking
    from upstep.errors import ConfigError, Fault, did_you_mean

    faults = []
    if month and (first or last):
        faults.append(Fault("--month", "names one month, --from and --to several.", "Give the one or the others."))
    if month and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        faults.append(Fault("--month", f"'{month}' is no month; write year and month: 2026-10."))
    if by not in CUTS:
        faults.append(Fault("--by", f"'{by}' is not known.", did_you_mean(by, CUTS)))
    if view not in ("net", "event"):
        faults.append(Fault("--view", f"'{view}' is not known.", "Write net or event."))
    if faults:
        raise ConfigError(faults)
    return Asking(month or first, month or last, policy, "event" if view == "event" else "net")


def _write(path: Path | None, made: Callable[[], str]) -> list[Path]:
    if path is None:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made(), encoding="utf-8", newline="")
    return [path]


def _page(told: Told) -> str:
    from upstep.web.report_page import render_report

    return render_report(told)


def _next(told: Told, project: Path) -> None:
    if not told["opportunities"]:
        next_command("decide", project=project, why="finds the next steps")
        return
    first, last = told["period"]["first"], told["period"]["last"]
    words = ("--month", last) if first == last else ("--from", first, "--to", last)
    page = f"report-{last}.html"
    next_command("report", *words, "--html", page, project=project, why="a page of it to forward")


# What is printed


def _show(told: Told, *, by: str) -> None:
    period = told["period"]
    counting = f"Policy {told['policy']['name']}, {told['policy']['view']} view"
    show(f"{told['company']}, {period['name']}, in {told['currency'].upper()}. {counting}.")
    for note in told["notes"]:
        show(f"  Note: {note}")
    _show_bridge(told)
    _show_retention(told)
    _show_parts(told, by)
    _show_growth(told)
    _show_experiments(told)
    _show_conversions(told)
    _show_follow_up(told)
    _show_months(told)
    _show_opportunities(told)
    show("")


def _money(told: Told) -> Callable[[int], str]:
    from upstep.money import format_minor

    return lambda minor: format_minor(minor, told["currency"])


def _show_bridge(told: Told) -> None:
    """The bridge with the causes of each line under it; it adds up as printed."""
    from upstep.engine.measuring.statement import CAUSE_WORDS

    money, bridge = _money(told), told["bridge"]
    rows: list[Sequence[Any]] = [(_bold("Start"), _bold(money(bridge["start_minor"])), "")]
    for name, sign in (("new", 1), ("expansion", 1), ("reactivation", 1), ("contraction", -1), ("churn", -1)):
        amount = sign * bridge[f"{name}_minor"]
        who = told["moved_accounts"][name]
        rows.append((name.capitalize(), _signed(amount, money), counted(who, "account") if who else ""))
        lines = [line for line in told["movements"] if line["category"] == name and line["cause"]]
        for line in lines:
            words = f"  {CAUSE_WORDS[line['cause']]}"
            rows.append((_dim(words), _dim(_signed(line["amount_minor"], money)), _dim(_events(line, money))))
    rows.append(("Exchange rates", _signed(bridge["fx_minor"], money), ""))
    rows.append((_bold("End"), _bold(money(bridge["end_minor"])), _growth(bridge)))
    show("", heading("MRR", "from the start of the period to its end"), grid(rows, right=(1,)))
    for own in told["currencies"]:
        lines_told = ", ".join(f"{name} {_signed_in(own, name)}" for name in _MOVED if own[f"{name}_minor"])
        ends = f"{_in(own, 'start')} to {_in(own, 'end')}"
        show(f"  of it {own['currency'].upper()}: {ends}{'; ' + lines_told if lines_told else ''}")


_MOVED = ("new", "expansion", "reactivation", "contraction", "churn")


def _in(own: Told, name: str) -> str:
    from upstep.money import format_minor

    return format_minor(own[f"{name}_minor"], own["currency"])


def _signed_in(own: Told, name: str) -> str:
    return ("-" if name in ("contraction", "churn") else "+") + _in(own, name)


def _events(line: Told, money: Callable[[int], str]) -> str:
    said = counted(line["events"], "change")
    if line["cause"] == "commit" and line["committed_minor"]:
        return f"{said}, {money(line['committed_minor'])} more committed"
    return said


def _growth(bridge: Told) -> str:
    start, end = bridge["start_minor"], bridge["end_minor"]
    return f"{_percent((end - start) / start, signed=True)}" if start else ""


def _signed(amount: int, money: Callable[[int], str]) -> str:
    return f"+{money(amount)}" if amount > 0 else money(amount) if amount else "-"


def _percent(share: float | None, *, signed: bool = False) -> str:
    """As people write it; nothing to be a share of is told by a dash."""
    if share is None:
        return "-"
    return percentage(100 * share, 1, signed=signed)


def _bold(text: str) -> Text:
    from rich.text import Text

    return Text(text, style="bold")


def _dim(text: str) -> Text:
    from rich.text import Text

    return Text(text, style="dim")


def _show_retention(told: Told) -> None:
    kept, money = told["retention"], _money(told)
    year = kept["twelve_months"]
    leads = told["policy"]["grr"]
    names = {"snapshot": "gross_revenue_retention", "flow": "gross_revenue_retention_by_flow"}
    usage = (
        f"with overage of {money(kept['usage_start_minor'])} then, {money(kept['usage_end_minor'])} now"
        if kept["with_usage"] is not None
        else f"not told: {kept['with_usage_why_not'] or 'nobody paid at the start'}"
    )
    rows: list[Sequence[str]] = [
        ("NRR", _percent(kept["net_revenue_retention"]), _percent(year["net_revenue_retention"]), "what they pay now"),
        *(
            (f"GRR by {way}", _percent(kept[names[way]]), _percent(year[names[way]]), _GRR[way])
            for way in (leads, *(way for way in names if way != leads))
        ),
        ("NRR with usage", _percent(kept["with_usage"]), "", usage),
        ("Quick ratio", _ratio(told["quick_ratio"]), "", "gained for each that was lost"),
    ]
    about = "of those who paid as the period began"
    show("", heading("RETENTION", about), grid(rows, header=("", "period", "12 months", ""), right=(1, 2)))
    if kept["newcomers_minor"]:
        paid = money(kept["newcomers_minor"])
        show(f"  Not in NRR: {paid}, paid at the end by accounts that did not pay at the start.")
    accounts, sold = told["accounts"], told["one_off"]
    average = f", {money(accounts['average_minor'])} each" if accounts["average_minor"] is not None else ""
    show(f"  Paying accounts: {accounts['start']:,} at the start, {accounts['end']:,} at the end{average}.")
    show(f"  One-off revenue, apart from MRR: {money(sold['amount_minor'])} in {counted(sold['purchases'], 'sale')}.")


_GRR = {"snapshot": "each account counts for at most its start", "flow": "start less contraction and churn"}


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _show_parts(told: Told, by: str) -> None:
    from upstep.engine.measuring.statement import PART_WORDS

    parts, money = told["cuts"][by], _money(told)
    if not parts:
        return
    rows = []
    for part in parts[-_ROWS:] if by == "cohort" else parts[:_ROWS]:
        moved = part["end_minor"] - part["start_minor"]
        rows.append(
            (
                part["part"] or PART_WORDS[by],
                f"{part['accounts_end']:,}",
                money(part["start_minor"]),
                _signed(moved, money),
                money(part["end_minor"]),
                _percent(part["net_revenue_retention"]),
                _percent(part["gross_revenue_retention"]),
            )
        )
    header = (by, "accounts", "start", "change", "end", "NRR", "GRR")
    more = f"the first {_ROWS} of {len(parts)}" if len(parts) > _ROWS else ""
    about = f"{_CUT_WORDS[by]}{'; ' + more if more else ''}"
    show("", heading(f"BY {by.upper()}", about), grid(rows, header=header, right=tuple(range(1, 7))))


_CUT_WORDS = {
    "segment": "as it stands in account now",
    "plan": "the plan each pays most for at the end, or paid for last",
    "cohort": "the quarter in which each first paid",
    "owner": "as it stands in account now",
}


def _show_growth(told: Told) -> None:
    """Growth by motion, and who is credited with it."""
    money = _money(told)
    if told["motions"]:
        rows = [
            (
                line["motion"],
                f"{line['accounts']:,}",
                _signed(line["amount_minor"], money),
                _signed(line["average_minor"], money),
                _signed(line["committed_minor"], money),
            )
            for line in told["motions"]
        ]
        header = ("motion", "accounts", "MRR", "average", "committed")
        show("", heading("GROWTH BY MOTION", "of accounts that went on paying"))
        show(grid(rows, header=header, right=(1, 2, 3, 4)))
    _show_credit(told["credit"], money)


def _show_credit(credit: Told, money: Callable[[int], str]) -> None:
    rest = credit["without_offer"]
    rows: list[tuple[Any, ...]] = [
        (
            line["play"],
            f"{line['conversions']:,}",
            _signed(line["gross_minor"], money),
            _signed(-line["overage_replaced_minor"], money),
            _signed(line["credited_minor"], money),
            _signed(line["committed_minor"], money),
        )
        for line in credit["plays"]
    ]
    if not rest["events"] and not rows:
        return
    alone = (_signed(rest["amount_minor"], money), "-", "-", _signed(rest["committed_minor"], money))
    rows.append((_dim("without an offer"), f"{rest['events']:,}", *alone))
    header = ("play", "changes", "MRR", "overage replaced", "credited", "committed")
    about = f"by the last offer accepted within {counted(credit['window_days'], 'day')} before"
    show("", heading("WHAT OFFERS EARNED", about), grid(rows, header=header, right=(1, 2, 3, 4, 5)))


def _show_experiments(told: Told) -> None:
    """Beside what offers are credited with: what would not have happened otherwise."""
    if not told["experiments"]:
        return
    money = _money(told)

    def span(arm: Told) -> str:
        return f"{_signed(arm['low'], money)} to {_signed(arm['high'], money)}" if arm["low"] is not None else "-"

    rows = [
        (
            one["experiment_id"],
            arm["arm"],
            f"{one['exposed'][arm['arm']]:,}",
            f"{arm['counted']:,}",
            *("-" if arm[name] is None else _signed(arm[name], money) for name in ("mean", "difference")),
            span(arm),
            "-" if arm["total"] is None else _signed(arm["total"], money),
        )
        for one in told["experiments"]
        for arm in one["measures"][0]["arms"]
    ]
    header = ("experiment", "arm", "exposed", "counted", "an account", "difference", "interval", "in all")
    about = "MRR gained in 90 days, net of contraction and churn, beside accounts treated otherwise"
    show("", heading("INCREMENTAL", about), grid(rows, header=header, right=(2, 3, 4, 5, 6, 7)))
    for one in told["experiments"]:
        show(indented(f"{one['experiment_id']}: {one['verdict']}", 2))


def _show_conversions(told: Told) -> None:
    if not told["conversions"]:
        return
    steps = ("opened", "shown", "accepted", "converted", "declined")
    rows = [
        (line["play"], line["trigger"], *(f"{line[name]:,}" for name in steps), _percent(line["converted_share"]))
        for line in told["conversions"]
    ]
    show("", heading("CONVERSIONS", "each step counted when it happened; of shown: of those shown, converted by now"))
    show(grid(rows, header=("play", "trigger", *steps, "of shown"), right=(2, 3, 4, 5, 6, 7)))


def _show_follow_up(told: Told) -> None:
    if not told["follow_up"]:
        return
    names = ("used", "unused", "unknown", "waiting")
    rows = [(f"day {line['day']}", *(f"{line[name]:,}" for name in names)) for line in told["follow_up"]]
    show("", heading("IS IT USED", "what was bought in the period, so many days after"))
    show(grid(rows, header=("", "used", "hardly", "not measured", "not yet"), right=(1, 2, 3, 4)))


def _show_months(told: Told) -> None:
    """Whole currency units, each row rounded so that it adds up."""
    from upstep.engine.measuring.statement import whole_units
    from upstep.money import format_minor

    def money(units: int) -> str:
        written = format_minor(units * 10 ** CURRENCIES[told["currency"]], told["currency"])
        return re.sub(r"[.,]0+(?=\D*$)", "", written) if CURRENCIES[told["currency"]] else written

    rows = []
    for month in told["months"]:
        start, *moved, end = whole_units(month, told["currency"])
        kept = _percent(month["net_revenue_retention"])
        rows.append((month["month"], money(start), *(_signed(amount, money) for amount in moved), money(end), kept))
    header = ("month", "start", "new", "expansion", "react.", "contr.", "churn", "rates", "end", "NRR")
    show("", heading("TWELVE MONTHS", "without cents"), grid(rows, header=header, right=tuple(range(1, 10))))


def _show_opportunities(told: Told) -> None:
    from upstep.money import format_minor

    if not told["opportunities"]:
        show("", "No open steps are in the ledger yet.")
        return
    show("", heading("TOP OPPORTUNITIES", f"open steps by the last decisions, as of {told['decided_at'][:10]}"))
    for row in told["opportunities"][:5]:
        change = row["recurring_change_minor"]
        about, plus = "about " if row["estimated"] else "", "+" if (change or 0) > 0 else ""
        price = f", {about}{plus}{format_minor(change, row['currency'])} a month" if change else ""
        mark = "unconfirmed: " if row["outcome"] == "unconfirmed" else ""
        show(f"  {row['place']:>2}  {row['name']}  {mark}{row['step']}{price}", indented(row["why"], 6))
