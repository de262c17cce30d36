// A server that spends on each request what ours and its database spend on an answer, and does nothing with it: no lock, no
// row, no byte of a list. What others feel beside it is the processors' share alone.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";

import { spend } from "./session.mjs";

/** What an answer takes, in µs of CPU time: of the server's own thread, and of a session of the database. */
export type Spending = { ownUs: number; databaseUs: number };

const SESSIONS = 10; // as many as there are readers: a session of the database runs beside all others

const { ownUs, databaseUs } = JSON.parse(process.argv[2] ?? "{}") as Spending;
const sessions = Array.from(
  { length: SESSIONS },
  () => new Worker(new URL("session.mjs", import.meta.url), { execArgv: [] }),
);
let turn = 0;
const server = createServer((request, response) => {
  request.resume().once("end", () => {
    spend(ownUs);
    const session = sessions[turn++ % SESSIONS]!;
    session.once("message", () => response.end("{}"));
    session.postMessage(databaseUs);
  });
});
process.once("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
