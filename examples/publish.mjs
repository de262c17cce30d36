// Publishing inside your own transaction, with Node alone: Posthorn runs in this process, on its embedded PostgreSQL.
// An order and its event are committed together; another order is rolled back, and of its event nothing is ever seen.
// Run: npm run build, then node examples/publish.mjs
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";
import { startPosthorn } from "posthorn";
import { publish } from "posthorn/publish";

const folder = await mkdtemp(join(tmpdir(), "posthorn-example-")); // yours would stay: ./.posthorn
await chmod(folder, 0o755); // under root PostgreSQL is another user's
const posthorn = await startPosthorn(
  { POSTHORN_DATA_DIR: join(folder, "data"), PORT: 0 },
  { role: "api", log: { write() {} } },
);
async function call(operation, body) {
  const response = await fetch(`${posthorn.url}/${operation}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${posthorn.newAdminKey}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(body),
  });
  return response.json();
}
await call("event_types.create", { name: "order.created" });

const client = new pg.Client(posthorn.embeddedUrl);
await client.connect();
await client.query("create table public.orders (id integer primary key, item text)");

async function order(id, item, { isPaid }) {
  await client.query("begin");
  await client.query("insert into public.orders values ($1, $2)", [id, item]);
  const event = { type: "order.created", payload: { order: id, item }, channel: "shop" };
  const eventId = await publish(client, event);
  await client.query(isPaid ? "commit" : "rollback");
  console.log(`order ${id}: ${eventId} ${isPaid ? "committed" : "rolled back"}`);
}

await order(1, "a posthorn", { isPaid: true });
await order(2, "a coach", { isPaid: false });

const { data } = await call("events.list", { with_payload: true });
console.log("events:", data.map(({ id, payload }) => `${id} of order ${payload.order}`).join(", "));

await client.end();
await posthorn.stop();
await rm(folder, { recursive: true });
