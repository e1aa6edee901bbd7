"""A company whose heavy senders soon buy a second product, as files to load."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

from upstep.clock import parse_instant

AS_OF = parse_instant("2026-11-20")
CATALOG = """\
version: 1
business: saas
currency: usd
meters:
  - {id: emails, name: e-mails sent, aggregate: sum, kind: flow, period: billing_month}
  - {id: letters, name: letters sent, aggregate: sum, kind: flow, period: billing_month}
  - {id: campaigns, name: campaigns sent, aggregate: sum, kind: flow, period: billing_month}
products:
  - id: sending
    name: Sending
    plans:
      - {id: pro, prices: [{id: pro_month, interval: month, amount: 2000}], limits: {emails: 900, letters: 900}}
  - id: marketing
    name: Marketing
    plans:
      - {id: basic, prices: [{id: basic_month, interval: month, amount: 3000}], limits: {campaigns: 50}}
"""


def write_company(folder: Path, *, accounts: int = 1_500, seed: int = 3) -> None:
    """Half of the accounts send 60 or more e-mails in four weeks, and of those a third soon buys Marketing."""
    dice = random.Random(seed)
    rows: dict[str, list[str]] = {
        "account": ["account_id,name,created_at"],
        "usage": ["event_id,account_id,meter_id,occurred_at,quantity"],
        "subscription_item": [
            (
                "item_id,subscription_id,account_id,product_id,plan_id,price_id,quantity,amount_minor,currency,interval,"
                "status,valid_from"
            )
        ],
    }
    for number in range(accounts):
        name = f"a{number}"
        rows["account"].append(f"{name},Account {number},2025-01-01")
        rows["subscription_item"].append(
            f"i{number},s{number},{name},sending,pro,pro_month,1,2000,usd,month,active,2025-01-01"
        )
        heavy = number % 2 == 0
        for week in range(40):
            at = AS_OF - timedelta(days=2 + 7 * week)
            sent = dice.randint(16, 30) if heavy else dice.randint(1, 8)
            for meter, quantity in (("emails", sent), ("letters", dice.randint(1, 30))):
                rows["usage"].append(f"{name}-{week}-{meter},{name},{meter},{at:%Y-%m-%dT12:00:00Z},{quantity}")
        if dice.random() < (0.5 if heavy else 0.08):
            began = AS_OF - timedelta(days=dice.randint(1, 250))
            rows["subscription_item"].append(
                f"m{number},t{number},{name},marketing,basic,basic_month,1,3000,usd,month,active,{began:%Y-%m-%d}"
            )
    (folder / "data").mkdir()
    for table, lines in rows.items():
        (folder / "data" / f"{table}.csv").write_text("\n".join(lines) + "\n")
    (folder / "catalog.yaml").write_text(CATALOG)
    (folder / "upstep.yaml").write_text("version: 1\ncompany: Learnco\ncurrency: usd\n")
