// Sends with PostHog's Node library: ADDRESS KEY.
import { PostHog } from "posthog-node";

const [address, key] = process.argv.slice(2);
const posthog = new PostHog(key, { host: address, flushAt: 10, fetchRetryCount: 1 });
const distinctId = "ann";
posthog.identify({ distinctId, properties: { name: "Ann Lee", email: "ann@acme.example" } });
posthog.groupIdentify({ groupType: "company", groupKey: "acme", properties: { name: "Acme", employees: 40 } });
for (let n = 0; n < 30; n++) {
  posthog.capture({ distinctId, event: "Email Sent", properties: { count: 5 }, groups: { company: "acme" } });
}
posthog.capture({ distinctId, event: "Viewed Pricing Page", groups: { company: "acme" } });
await posthog.shutdown();
