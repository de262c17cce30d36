// A receiver on node:http and node:crypto alone, for the presets airy and standard. No packages.
// Run: WEBHOOK_KEY="a secret of mine" node examples/receivers/node-http.mjs
// WEBHOOK_PRESET is airy unless it says standard, PORT is 9000.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { WEBHOOK_KEY: key, WEBHOOK_PRESET: preset = "airy", PORT = "9000" } = process.env;
if (!key) throw new Error("WEBHOOK_KEY is needed: the webhook's signature_key");

const BODY_BYTES_MAX = 1024 * 1024; // no delivery is larger
const TOLERANCE_S = 300; // standard signs the time too, against replays

const server = createServer((request, response) => {
  receive(request, response).catch(() => response.destroy()); // the sender hung up
});

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`receiving on http://127.0.0.1:${server.address().port}/`);
});

async function receive(request, response) {
  const body = await read(request); // the raw bytes: JSON that was parsed and printed again has others
  if (!body) return response.writeHead(413, { Connection: "close" }).end();
  if (!isGenuine(request.headers, body)) {
    console.log("NOT GENUINE");
    return response.writeHead(400).end();
  }
  response.writeHead(200).end(); // first: what takes long is done after the answer
  const event = JSON.parse(body);
  // Delivery is at least once: skip an id that was handled before.
  console.log(request.headers["webhook-id"], "genuine", event.type, event.payload ?? event.data);
}

function isGenuine(headers, body) {
  if (preset === "standard") {
    const id = headers["webhook-id"] ?? "";
    const sentAt = headers["webhook-timestamp"] ?? "";
    const secret = Buffer.from(key.replace(/^whsec_/, ""), "base64");
    const expected = `v1,${hmac(secret, `${id}.${sentAt}.`, body).digest("base64")}`;
    const given = (headers["webhook-signature"] ?? "").split(" "); // two during a rotation
    const isFresh = Math.abs(Date.now() / 1000 - Number(sentAt)) <= TOLERANCE_S;
    return given.some((signature) => isEqual(signature, expected)) && isFresh;
  }
  const expected = hmac(key, body).digest("hex");
  return isEqual(headers["x-airy-content-signature"] ?? "", expected);
}

function hmac(secret, ...parts) {
  const digest = createHmac("sha256", secret);
  for (const part of parts) digest.update(part);
  return digest;
}

/** In a time that does not tell how much of it was right. */
function isEqual(a, b) {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, "latin1"), Buffer.from(b));
}

async function read(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
