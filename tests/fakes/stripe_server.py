"""A small fake Stripe for tests: real HTTP on a local port, spoken to by the official SDK.

    with running(now) as fake:
        client = fake.client()
        fake.books.seed([...])

It refuses what the real one refuses, answers a repeated idempotency key as the real one does, prorates to the golden
amounts of docs/money.md, and can be told to fail: ``fake.fail_next("subscriptions", "after")``.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import stripe

from tests.fakes.stripe_books import Books, shown
from tests.fakes.stripe_form import RefusedError, checked, decoded
from tests.fakes.stripe_shapes import Thing, listed

WEBHOOK_SECRET = "whsec_fake"  # noqa: S105 (of a server that exists for a test)
LISTS = {
    "active",
    "customer",
    "subscription",
    "status",
    "price",
    "product",
    "lookup_keys",
    "type",
    "types",
    "created",
    "invoice",
}
PAGING = {"limit", "starting_after", "ending_before", "expand"}
LIVE = ("active", "past_due", "trialing", "incomplete", "unpaid", "paused")


@dataclass
class Request:
    """One request as it came in, for tests to look at."""

    method: str
    path: str
    params: Thing
    key: str | None


@dataclass
class FakeStripe:
    """The running server: its books, what was asked of it, and what shall go wrong."""

    books: Books
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answered: dict[str, tuple[str, str, int, Thing]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def client(self, *, timeout: float = 5, retries: int = 0) -> stripe.StripeClient:
        """The official SDK, speaking to this server."""
        stripe.enable_telemetry = False
        return stripe.StripeClient(
            "sk_test_fake",
            base_addresses={"api": self.url},
            http_client=stripe.RequestsClient(timeout=timeout),
            max_network_retries=retries,
        )

    def fail_next(self, path: str, how: str) -> None:
        """Let the next POST whose path holds ``path`` fail: before or after the work (no answer), hang (after the work,
        late), down (503), limited (429)."""
        self.failures.append((path, how))

    def writes(self, path: str = "") -> list[Request]:
        """The POSTs that came in, previews left out."""
        wrote = [request for request in self.requests if request.method == "POST" and path in request.path]
        return [request for request in wrote if "create_preview" not in request.path]

    def signed(self, event: Thing, *, secret: str = WEBHOOK_SECRET, at: int | None = None) -> tuple[bytes, str]:
        """An event as it is delivered: the body and the Stripe-Signature header."""
        payload = json.dumps(shown(event))
        header = stripe.WebhookSignature.generate_signature_header(payload, secret, at)
        return payload.encode(), header

    def answer(self, method: str, path: str, form: str, key: str | None) -> tuple[int, Thing]:
        """The whole of Stripe: a status and a body."""
        with self.lock:
            params = decoded(form)
            self.requests.append(Request(method, path, params, key))
            try:
                return self._answer(method, path, params, key)
            except RefusedError as error:
                return error.status, {"error": error.error}

    def _answer(self, method: str, path: str, params: Thing, key: str | None) -> tuple[int, Thing]:
        kind, work, wanted = _route(method, path)
        typed = checked(params, kind)  # A request that fails here never began, so its key is free.
        if method != "POST" or key is None:
            return 200, self._expanded(work(self, typed, *wanted), typed.get("expand") or [])
        if key in self.answered:
            *first, status, body = self.answered[key]
            if first != [path, json.dumps(params, sort_keys=True)]:
                error = RefusedError(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                    f"Try using a key other than '{key}' if you meant to execute a different request."
                )
                error.error["type"] = "idempotency_error"
                raise error
            return status, body
        self.books.key = key
        try:
            expand = typed.get("expand") or []
            status, body = 200, self._expanded(work(self, typed, *wanted), expand)
        except RefusedError as error:
            status, body = error.status, {"error": error.error}
        finally:
            self.books.key = None
        self.answered[key] = (path, json.dumps(params, sort_keys=True), status, body)
        return status, body

    def forget_keys(self) -> None:
        """What the real one does with keys after a day."""
        self.answered.clear()

    def _expanded(self, thing: Thing, paths: list[str]) -> Thing:
        found: Thing = json.loads(json.dumps(shown(thing)))
        for path in paths:
            if path.count(".") > 3:
                raise RefusedError("You cannot expand more than 4 levels of a property.", param="expand")
            self._expand(found, path.split("."))
        return found

    def _expand(self, place: Any, keys: list[str]) -> None:
        if isinstance(place, list):
            for element in place:
                self._expand(element, keys)
            return
        if not keys or not isinstance(place, dict):
            return
        key, *rest = keys
        if key not in place:
            if key in ("tiers", "currency_options") and place.get("object") == "price":
                place[key] = self.books.find("price", place["id"])[f"_{key}"]
                return
            if (key, place.get("object")) == ("payments", "invoice"):
                payments = [p for p in self.books.all("invoice_payment") if p["invoice"] == place["id"]]
                place["payments"] = listed("/v1/invoice_payments", shown(payments))
            else:
                raise RefusedError(f"This property cannot be expanded ({key}).", param="expand")
        place[key] = self._whole(place[key])
        self._expand(place[key], rest)

    def _whole(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._whole(element) for element in value]
        if isinstance(value, str):
            for things in self.books.kept.values():
                if value in things:
                    return json.loads(json.dumps(shown(things[value])))
        return value


# --- routes: how the SDK names the parameters, and what is done

Work = Callable[..., Thing]


def _kept(kind: str) -> Work:
    return lambda fake, _, thing_id: fake.books.find(kind, thing_id)


def _written(name: str) -> Work:
    def work(fake: FakeStripe, params: Thing, *thing_id: str) -> Thing:
        params.pop("expand", None)
        found: Thing = getattr(fake.books, name)(*thing_id, params)
        return found

    return work


def _list(kind: str) -> Work:
    def work(fake: FakeStripe, params: Thing, *owner: str) -> Thing:
        if owner:
            params["customer"] = owner[0]
        found = [thing for thing in reversed(fake.books.all(kind)) if _fits(thing, params)]
        return _page(found, params, f"/v1/{kind}s")

    return work


def _search_customers(fake: FakeStripe, params: Thing) -> Thing:
    wanted = re.fullmatch(r"metadata\[['\"](.+)['\"]\]:['\"](.+)['\"]", params["query"])
    assert wanted, f"the fake Stripe searches metadata only, not {params['query']}"
    name, value = (re.sub(r"\\(.)", r"\1", text) for text in wanted.groups())
    found = [c for c in fake.books.all("customer") if c["metadata"].get(name) == value]
    return listed("/v1/customers/search", found) | {"object": "search_result", "next_page": None}


def _fits(thing: Thing, params: Thing) -> bool:
    assert params.keys() <= LISTS | PAGING, f"the fake Stripe does not list by {sorted(params.keys() - LISTS - PAGING)}"
    if thing["object"] == "subscription" and params.get("status") != "all":
        return thing["customer"] == params.get("customer", thing["customer"]) and (
            thing["status"] == params["status"] if "status" in params else thing["status"] in LIVE
        )
    if "lookup_keys" in params and thing["lookup_key"] not in params["lookup_keys"]:
        return False
    if "types" in params and thing["type"] not in params["types"]:
        return False
    if "created" in params and not _within(thing["created"], params["created"]):
        return False
    if "subscription" in params:
        details = (thing["parent"] or {}).get("subscription_details") or {}
        if details.get("subscription") != params["subscription"]:
            return False
    same = params.keys() & {"active", "customer", "status", "product", "type", "invoice"} - {"all"}
    return all(thing[key] == params[key] for key in same if params[key] != "all")


def _within(created: int, wanted: Any) -> bool:
    if isinstance(wanted, int):
        return created == wanted
    bounds = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
    return all(bounds[name](bound) for name, bound in wanted.items())


def _page(found: list[Thing], params: Thing, url: str) -> Thing:
    """Newest first; ``ending_before`` gives what is newer than it, still newest first."""
    limit = params.get("limit", 10)
    ids = [thing["id"] for thing in found]
    for cursor in ("starting_after", "ending_before"):
        if cursor in params and params[cursor] not in ids:
            raise RefusedError(f"No such object: '{params[cursor]}'", code="resource_missing", param=cursor)
    if "ending_before" in params:
        newer = found[: ids.index(params["ending_before"])]
        return listed(url, newer[-limit:], has_more=len(newer) > limit)
    older = found[ids.index(params["starting_after"]) + 1 :] if "starting_after" in params else found
    return listed(url, older[:limit], has_more=len(older) > limit)


ROUTES: list[tuple[str, str, str, Work]] = [
    ("POST", "customers", "CustomerCreateParams", _written("create_customer")),
    ("GET", "customers", "CustomerListParams", _list("customer")),
    ("GET", "customers/search", "CustomerSearchParams", _search_customers),
    ("GET", "customers/ID", "CustomerRetrieveParams", _kept("customer")),
    ("POST", "customers/ID", "CustomerUpdateParams", _written("update_customer")),
    ("GET", "customers/ID/payment_methods", "CustomerPaymentMethodListParams", _list("payment_method")),
    ("POST", "payment_methods/ID/attach", "PaymentMethodAttachParams", _written("attach")),
    ("POST", "products", "ProductCreateParams", _written("create_product")),
    ("GET", "products/ID", "ProductRetrieveParams", _kept("product")),
    ("POST", "prices", "PriceCreateParams", _written("create_price")),
    ("GET", "prices", "PriceListParams", _list("price")),
    ("GET", "prices/ID", "PriceRetrieveParams", _kept("price")),
    ("POST", "coupons", "CouponCreateParams", _written("create_coupon")),
    ("GET", "coupons/ID", "CouponRetrieveParams", _kept("coupon")),
    ("POST", "subscriptions", "SubscriptionCreateParams", _written("create_subscription")),
    ("GET", "subscriptions", "SubscriptionListParams", _list("subscription")),
    ("GET", "subscriptions/ID", "SubscriptionRetrieveParams", _kept("subscription")),
    ("POST", "subscriptions/ID", "SubscriptionUpdateParams", _written("update_subscription")),
    ("DELETE", "subscriptions/ID", "SubscriptionCancelParams", _written("cancel_subscription")),
    ("POST", "invoices/create_preview", "InvoiceCreatePreviewParams", _written("preview")),
    ("GET", "invoices", "InvoiceListParams", _list("invoice")),
    ("GET", "invoices/ID", "InvoiceRetrieveParams", _kept("invoice")),
    ("POST", "invoices/ID", "InvoiceUpdateParams", _written("update_invoice")),
    ("POST", "invoices/ID/pay", "InvoicePayParams", _written("pay")),
    ("POST", "invoices/ID/void", "InvoiceVoidInvoiceParams", _written("void")),
    ("GET", "invoice_payments", "InvoicePaymentListParams", _list("invoice_payment")),
    ("GET", "payment_intents/ID", "PaymentIntentRetrieveParams", _kept("payment_intent")),
    ("POST", "subscription_schedules", "SubscriptionScheduleCreateParams", _written("create_schedule")),
    ("GET", "subscription_schedules", "SubscriptionScheduleListParams", _list("subscription_schedule")),
    ("GET", "subscription_schedules/ID", "SubscriptionScheduleRetrieveParams", _kept("subscription_schedule")),
    ("POST", "subscription_schedules/ID", "SubscriptionScheduleUpdateParams", _written("update_schedule")),
    ("POST", "subscription_schedules/ID/release", "SubscriptionScheduleReleaseParams", _written("release_schedule")),
    ("POST", "billing_portal/sessions", "billing_portal.SessionCreateParams", _written("portal")),
    ("POST", "checkout/sessions", "checkout.SessionCreateParams", _written("checkout")),
    ("GET", "events", "EventListParams", _list("event")),
    ("GET", "events/ID", "EventRetrieveParams", _kept("event")),
    ("POST", "test_helpers/test_clocks", "test_helpers.TestClockCreateParams", _written("create_clock")),
    ("DELETE", "test_helpers/test_clocks/ID", "test_helpers.TestClockDeleteParams", _written("delete_clock")),
    ("GET", "test_helpers/test_clocks/ID", "test_helpers.TestClockRetrieveParams", _kept("test_helpers.test_clock")),
    (
        "POST",
        "test_helpers/test_clocks/ID/advance",
        "test_helpers.TestClockAdvanceParams",
        _written("advance_clock"),
    ),
]
_PATTERNS = [
    (method, re.compile("/v1/" + path.replace("ID", r"([^/]+)")), kind, work) for method, path, kind, work in ROUTES
]


def _route(method: str, path: str) -> tuple[str, Work, tuple[str, ...]]:
    for asked, pattern, kind, work in _PATTERNS:
        found = pattern.fullmatch(path)
        if asked == method and found:
            return kind, work, found.groups()
    raise RefusedError(f"Unrecognized request URL ({method}: {path}).", status=404)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeStripe

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = body or url.query
        if self.headers.get("Authorization") != "Bearer sk_test_fake":
            self._send(401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}})
            return
        how = self._failure(method, url.path)
        if how in ("before", "down", "limited"):
            self._fail(how)
            return
        key = self.headers.get("Idempotency-Key")
        try:
            status, answer = self.fake.answer(method, url.path, form, key)
        except Exception as error:  # noqa: BLE001 (a fault of the fake must reach the test)
            status, answer = 500, {"error": {"type": "api_error", "message": f"fake: {type(error).__name__}: {error}"}}
        if how == "after":
            self.close_connection = True
            return
        if how == "hang":
            time.sleep(1)
        self._send(status, answer)

    def _failure(self, method: str, path: str) -> str | None:
        with self.fake.lock:
            for number, (part, _) in enumerate(self.fake.failures):
                if method == "POST" and part in path:
                    return self.fake.failures.pop(number)[1]
        return None

    def _fail(self, how: str) -> None:
        if how == "before":
            self.close_connection = True
        elif how == "down":
            self._send(503, {"error": {"type": "api_error", "message": "Service unavailable"}})
        else:
            self._send(429, {"error": {"type": "rate_limit_error", "message": "Too many requests"}})

    def _send(self, status: int, answer: Thing) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Request-Id", "req_fake")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def running(now: datetime) -> Iterator[FakeStripe]:
    """A fake Stripe whose clock stands at ``now``."""
    fake = FakeStripe(Books(int(now.timestamp())))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": fake}))
    server.daemon_threads = True
    server.block_on_close = False
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
