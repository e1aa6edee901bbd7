// Sends with RudderStack's Node library: ADDRESS KEY.
import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const [address, writeKey] = process.argv.slice(2);
const Library = RudderAnalytics.default ?? RudderAnalytics;
const analytics = new Library(writeKey, { dataPlaneUrl: address, flushInterval: 200, gzip: true });
const userId = "ann";
analytics.identify({ userId, traits: { name: "Ann Lee", email: "ann@acme.example" } });
analytics.group({ userId, groupId: "acme", traits: { name: "Acme", employees: 40 } });
for (let n = 0; n < 30; n++) analytics.track({ userId, event: "Email Sent", properties: { count: 5 } });
analytics.page({ userId, name: "Pricing" });
await analytics.flush();
