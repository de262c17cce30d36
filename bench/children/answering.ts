// A server that does nothing: it reads what it is sent, and answers as a publish is answered. What a publisher feels of others' calls
// before it is the machine's and the callers' own, not the service's.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const ANSWER = JSON.stringify({ id: `evt_${"0".repeat(32)}`, deliveries: 1, duplicate: false });

process.once("disconnect", () => process.exit());
const server = createServer((request, response) => {
  request.resume().once("end", () => {
    response.setHeader("content-type", "application/json");
    response.end(ANSWER);
  });
});
server.listen(0, "127.0.0.1", () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
