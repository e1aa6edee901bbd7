"""upstep.yaml: what it may say, what is meant when it says nothing, and every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from upstep.config import Assumption, Settings, load_settings, secret
from upstep.config.contact import ContactPolicy
from upstep.config.settings import _GATES
from upstep.errors import ConfigError
from upstep.plays.gates import GATES

PLAIN = "version: 1\ncurrency: usd\n"


def settings(folder: Path, text: str) -> Settings:
    (folder / "upstep.yaml").write_text(text)
    return load_settings(folder)


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        settings(folder, text)
    assert error.value.exit_code == 2
    return [str(fault).replace(f"{folder}/", "") for fault in error.value.faults]


def test_two_lines_are_enough(tmp_path: Path) -> None:
    assert settings(tmp_path, PLAIN) == Settings(company="this company", currency="usd")


def test_everything_that_may_be_said(tmp_path: Path) -> None:
    text = """\
version: 1
company: Testco
currency: eur
time_zone: Europe/Berlin
fresh_days: 5
plays: {off: [complement]}
gates: {payment_trouble: {without_data: allow, because: invoices are paid by card}}
assisted: {from_minor: 500000, owned: no, default_owner: ana}
contact_policy: {cool_down_days: 14, declined_days: 60}
propose: {nearly_same_percent: 5}
billing: {provider: sandbox}
"""
    assert settings(tmp_path, text) == Settings(
        company="Testco",
        currency="eur",
        time_zone="Europe/Berlin",
        fresh_days=5,
        plays_off=("complement",),
        assumptions=(Assumption("payment_trouble", "invoices are paid by card"),),
        assisted_from_minor=500_000,
        assisted_owned="no",
        default_owner="ana",
        contact=ContactPolicy(cool_down_days=14, declined_days=60),
        nearly_same_percent=5,
    )


def test_a_gate_that_asks_is_no_assumption(tmp_path: Path) -> None:
    assert settings(tmp_path, PLAIN + "gates: {open_issue: {without_data: ask}}\n").assumptions == ()


@pytest.mark.parametrize(
    ("line", "place", "found"),
    [
        ("tim_zone: UTC", "3:1", "Did you mean 'time_zone'?"),
        ("time_zone: Europe/Berlim", "3:12", "Did you mean 'Europe/Berlin'?"),
        ("plays: {of: [x]}", "3:9", "Did you mean 'off'?"),
        ("gates: {open_isue: {without_data: allow, because: x}}", "3:20", "Did you mean 'open_issue'?"),
        ("gates: {open_issue: {without_data: alow, because: x}}", "3:36", "Did you mean 'allow'?"),
        ("gates: {open_issue: {without_data: allow}}", "3:21", "'because' is missing"),
        ("assisted: {owned: maybe}", "3:19", "'maybe'"),
        ("assisted: {from: 5}", "3:12", "'from'"),
        ("contact_policy: {cool_down: 5}", "3:18", "Did you mean 'cool_down_days'?"),
        ("contact_policy: {cool_down_days: -1}", "3:34", "-1"),
        ("fresh_days: -1", "3:13", "-1"),
        ("fresh_days: soon", "3:13", "soon"),
        ("assisted: {from_minor: -5}", "3:24", "-5"),
        ("billing: {provider: sandbux}", "3:21", "Did you mean 'sandbox'?"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, line: str, place: str, found: str) -> None:
    (told,) = refused(tmp_path, PLAIN + line + "\n")
    assert told.startswith(f"upstep.yaml:{place}: ")
    assert found in told


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("version: 2\ncurrency: usd\n", "version 2 is not known. Write version: 1."),
        ("currency: usd\n", "version"),
        ("version: 1\n", "currency"),
        ("version: 1\ncurrency: usdd\n", "Did you mean 'usd'?"),
        ("version: 1\n  currency: [", "upstep.yaml:"),
    ],
)
def test_what_every_project_must_say(tmp_path: Path, text: str, found: str) -> None:
    assert any(found in told for told in refused(tmp_path, text))


def test_all_faults_are_told_at_once_in_file_order(tmp_path: Path) -> None:
    told = refused(tmp_path, "version: 1\ncurrency: usx\ntime_zone: Mars\nfresh_days: soon\nnothing: 1\n")
    assert [line.split(":")[1] for line in told] == ["2", "3", "4", "5"]


def test_a_folder_without_settings_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="so this is no project folder"):
        load_settings(tmp_path)


def test_the_gates_that_settings_know_are_the_gates_there_are() -> None:
    # The settings stand below the plays, so they keep a list of their own.
    assert set(_GATES) == set(GATES)


def test_stripe_is_chosen_with_secrets_by_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PLAIN + (
        "billing:\n  provider: stripe\n  key: ${STRIPE_KEY}\n  webhook_secret: ${WHSEC}\n"
        "  account_metadata: company\n  prices: {pro_month: price_1}\n  products: {pro: prod_1}\n"
    )
    found = settings(tmp_path, text)
    assert (found.billing_provider, found.billing_key, found.billing_webhook_secret) == (
        "stripe",
        "STRIPE_KEY",
        "WHSEC",
    )
    assert (found.billing_prices, found.billing_products) == ((("pro_month", "price_1"),), (("pro", "prod_1"),))
    monkeypatch.setenv("STRIPE_KEY", "sk_test_1")
    monkeypatch.delenv("WHSEC", raising=False)
    assert secret(found.billing_key, key="billing.key") == "sk_test_1"
    with pytest.raises(ConfigError, match=r"names \$\{WHSEC\}, which is not set"):
        secret(found.billing_webhook_secret, key="billing.webhook_secret")


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (told,) = refused(tmp_path, PLAIN + "billing: {provider: stripe, key: sk_live_abc}\n")
    assert told.startswith("upstep.yaml:3:")
    assert "must not stand in this file" in told
    assert "sk_live_abc" not in told


def test_stripe_without_a_key_is_told(tmp_path: Path) -> None:
    (told,) = refused(tmp_path, PLAIN + "billing: {provider: stripe}\n")
    assert "'key' is missing. Stripe's secret key is read from the environment" in told


def test_a_trial_has_days(tmp_path: Path) -> None:
    (given,) = settings(tmp_path, f"{PLAIN}incentives: {{a: {{kind: trial, trial_days: 14, budget: 5}}}}").incentives
    assert (given.kind, given.trial_days) == ("trial", 14)
    (fault,) = refused(tmp_path, f"{PLAIN}incentives: {{a: {{kind: trial, budget: 5}}}}")
    assert "a trial of 0 days. Write trial_days: 14; 1 to 90." in fault
