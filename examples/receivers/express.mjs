// A receiver in Express with posthorn/verify: every preset, told from what arrives.
// Run: WEBHOOK_KEY="a secret of mine" node examples/receivers/express.mjs
// Several keys, comma-separated, for a rotation. WEBHOOK_PRESET names the one preset to accept, PORT is 9000.
import express from "express";
import { SignatureVerificationError, verifyWebhook } from "posthorn/verify";

const { WEBHOOK_KEY: key, WEBHOOK_PRESET: preset, PORT = "9000" } = process.env;
if (!key) throw new Error("WEBHOOK_KEY is needed: the webhook's signature_key");

const app = express();

// express.raw, not express.json: what is signed is the body's bytes, as they came.
app.post("/", express.raw({ type: () => true, limit: "1mb" }), async (request, response) => {
  const event = await verifyWebhook(request.body, request.headers, key.split(","), { preset });
  response.sendStatus(200); // first: what takes long is done after the answer
  // Delivery is at least once: skip an id that was handled before.
  console.log(event.id, "genuine", event.type, event.payload);
});

app.use((error, _request, response, next) => {
  if (!(error instanceof SignatureVerificationError)) return next(error);
  console.log("NOT GENUINE", error.code);
  response.sendStatus(400);
});

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`receiving on http://127.0.0.1:${server.address().port}/`);
});
