// A program of somebody else's, with Posthorn in it: two of them, one mounted in its own server. What of the process they
// changed it tells itself, and it ends by running out of things to do.
import { createServer } from "node:http";

const DISPATCHERS = ["undici.globalDispatcher.1", "undici.globalDispatcher.2"];
const [entry, express, undici] = process.argv.slice(2);
const { URLS, KEY, SECRETS_KEY } = process.env;
const [first, second] = URLS.split(" ");

process.exitCode = 0;
const before = state();
const { startPosthorn } = await import(entry);
const { default: createApp } = await import(express);
const lines = [];
const settings = {
  POSTHORN_ADMIN_KEY: KEY,
  POSTHORN_SECRETS_KEY: SECRETS_KEY,
  POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
  PORT: 0,
};
const log = { write: (line) => lines.push(line) };
const mounted = await startPosthorn({ ...settings, DATABASE_URL: first }, { listen: false, log });
const alone = await startPosthorn({ ...settings, DATABASE_URL: second }, { role: "api", log });

const app = createApp();
app.use("/hooks/api", mounted.app);
app.use(createApp.json());
app.use("/too-late", mounted.app);
app.get("/", (_request, response) => response.send("mine"));
const server = createServer(app);
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const mine = `http://127.0.0.1:${server.address().port}`;

const received = new Promise((resolve) => {
  app.post("/received", (request, response) => {
    response.end();
    resolve(request.body.payload);
  });
});
async function call(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "X-API-Key": KEY, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, answer: await response.json() };
}
const subscribed = await call(`${mine}/hooks/api/webhooks.subscribe`, { url: `${mine}/received` });
await call(`${mine}/hooks/api/events.publish`, { type: "message.created", payload: "hello" });
const ofAlone = await call(`${alone.url}/webhooks.list`, {});
const tooLate = await call(`${mine}/too-late/webhooks.list`, {});
const seen = {
  urls: [mounted.url, alone.url.startsWith("http://127.0.0.1:")],
  subscribed: subscribed.status,
  received: await received,
  ofAlone: ofAlone.answer.data,
  tooLate: [tooLate.status, tooLate.answer.message],
  ready: (await fetch(`${mine}/hooks/api/readyz`)).status,
  docs: (await fetch(`${mine}/hooks/api/docs/`)).status,
  trpc: (await fetch(`${mine}/hooks/api/trpc/webhooks.list`, { headers: { "X-API-Key": KEY } }))
    .status,
  mine: await (await fetch(mine)).text(),
  wrong: await startPosthorn({ DATABASE_URL: first, PORT: "x" }).catch(
    ({ name, message }) => `${name}: ${message}`,
  ),
  several: await startPosthorn({ POSTHORN_PROCESSES: 2 }).catch(({ message }) => message),
  unknown: await startPosthorn({ POSTHORN_HOLD: 1 }).catch(({ message }) => message),
};
await Promise.all([mounted.stop(), alone.stop()]);
seen.afterwards = (await call(`${mine}/hooks/api/webhooks.list`, {})).status;
server.close();
server.closeAllConnections();
const { Agent } = await import(undici);
seen.isFetchOurs = DISPATCHERS.map((name) => globalThis[Symbol.for(name)] instanceof Agent);
seen.changed = Object.entries(state()).filter(([name, value]) => before[name] !== value);
seen.logged = lines.some((line) => JSON.parse(line).msg === "connections to the database, at most");
process.stdout.write(`${JSON.stringify(seen)}\n`);

/** What of a process is everybody's. */
function state() {
  return {
    listeners: JSON.stringify(
      process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
    ),
    globals: Object.getOwnPropertyNames(globalThis)
      .filter((name) => !name.startsWith("__zod_")) // all copies of zod share one list of what types are called
      .join(" "),
    environment: JSON.stringify(process.env),
    umask: process.umask(),
    folder: process.cwd(),
    title: process.title,
  };
}
