// Takes webhooks as a program of Clerk's customers does: with verifyWebhook.
//
// Called with the secret and a file of requests: [{"headers": {…}, "body": "…"}]. Prints
// what it read, and fails if it takes what it should not.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { verifyWebhook } from "@clerk/backend/webhooks";

const [secret, file] = process.argv.slice(2);
const request = ({ headers, body }) =>
  new Request("http://127.0.0.1/webhooks", { method: "POST", headers, body });
const verify = (sent) => verifyWebhook(request(sent), { signingSecret: secret });

const all = JSON.parse(readFileSync(file, "utf8"));
for (const sent of all) {
  const event = await verify(sent);
  assert.equal(event.object, "event");
  assert.ok(event.data.id, sent.body);
  const { headers, body } = sent;
  await assert.rejects(verify({ headers, body: body.replace('"event"', '"Event"') }));
  await assert.rejects(verify({ headers: { ...headers, "svix-signature": "v1,AAAA" }, body }));
  const old = String(Number(headers["svix-timestamp"]) - 1000);
  await assert.rejects(verify({ headers: { ...headers, "svix-timestamp": old }, body }));
}
