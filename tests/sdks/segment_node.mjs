// Sends with Segment's Node library: ADDRESS KEY.
import { Analytics } from "@segment/analytics-node";

const [address, writeKey] = process.argv.slice(2);
// It does not wait as long as Retry-After says but tries again by its own measure: eight times take some seconds.
const analytics = new Analytics({ writeKey, host: address, maxRetries: 8, flushInterval: 200 });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
const userId = "ann";
analytics.identify({ userId, traits: { name: "Ann Lee", email: "ann@acme.example" } });
analytics.group({ userId, groupId: "acme", traits: { name: "Acme", employees: 40 } });
for (let n = 0; n < 30; n++) analytics.track({ userId, event: "Email Sent", properties: { count: 5 } });
analytics.page({ userId, name: "Pricing" });
await analytics.closeAndFlush();
