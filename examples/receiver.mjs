// A receiver on node:http alone: checks the signature over the raw body, prints the event, answers 200.
// Run: node examples/receiver.mjs "a secret of mine" [port]
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const [key = "a secret of mine", port = "9000"] = process.argv.slice(2);

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const expected = Buffer.from(createHmac("sha256", key).update(body).digest("hex"));
  const given = Buffer.from(request.headers["x-airy-content-signature"] ?? "");
  const genuine = given.length === expected.length && timingSafeEqual(given, expected);
  console.log(`${request.headers["webhook-id"]} ${genuine ? "genuine" : "NOT GENUINE"} ${body}`);
  response.writeHead(genuine ? 200 : 401).end();
});
server.listen(Number(port), "127.0.0.1", () => {
  console.log(`receiving on http://127.0.0.1:${server.address().port}/`);
});
