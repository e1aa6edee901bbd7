// Sends with Segment's browser library, in a page of jsdom: ADDRESS KEY [TOKEN]. With a token, in batches.
import { JSDOM } from "jsdom";

const [address, writeKey, token] = process.argv.slice(2);
const page = new JSDOM("<!doctype html><title>Pricing</title>", { url: "http://app.example/pricing", pretendToBeVisual: true });
const fetched = globalThis.fetch;
globalThis.window = page.window;
page.window.fetch = fetched;
for (const name of ["document", "location", "localStorage", "CustomEvent", "self", "XMLHttpRequest"]) {
  Object.defineProperty(globalThis, name, { value: page.window[name], configurable: true, writable: true });
}
Object.defineProperty(globalThis, "navigator", { value: page.window.navigator, configurable: true });

const { AnalyticsBrowser } = await import("@segment/analytics-next");
const config = { headers: () => ({ "X-Upstep-Token": token }), size: 10, timeout: 200 };
const integrations = token ? { "Segment.io": { deliveryStrategy: { strategy: "batching", config } } } : {};
const [analytics] = await AnalyticsBrowser.load({ writeKey, cdnURL: address }, { initialPageview: false, integrations });
await analytics.identify("ann", { name: "Ann Lee", email: "ann@acme.example" });
await analytics.group("acme", { name: "Acme", employees: 40 });
for (let n = 0; n < 30; n++) await analytics.track("Email Sent", { count: 5 });
await analytics.page("Pricing");
await new Promise((resolve) => setTimeout(resolve, 1000));
page.window.close();
process.exit(0);
