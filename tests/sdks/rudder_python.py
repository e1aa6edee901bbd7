"""Sends with RudderStack's Python library. Run by the interpreter of .venv/sdks: ADDRESS KEY."""

import sys

from rudderstack.analytics.client import Client

address, key = sys.argv[1:]
wrong: list[str] = []
client = Client(key, host=address, on_error=lambda error, _items: wrong.append(str(error)), max_retries=1)
client.identify("ann", {"name": "Ann Lee", "email": "ann@acme.example"})
client.group("ann", "acme", {"name": "Acme", "employees": 40})
for _ in range(30):
    client.track("ann", "Email Sent", {"count": 5})
client.page("ann", None, "Pricing")
client.join()
client.flush()
sys.exit("\n".join(wrong) or None)
