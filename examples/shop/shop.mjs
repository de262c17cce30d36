// A shop: Express, PostgreSQL, orders. An order and its event are committed together, by the shop's own connection; Posthorn
// runs in the same process under /webhooks, and sends "order.created" to whoever subscribed.
// Run: DATABASE_URL=postgres://… POSTHORN_SECRETS_KEY=$(openssl rand -base64 32) POSTHORN_ADMIN_KEY=… node examples/shop/shop.mjs
import express from "express";
import pg from "pg";
import { startPosthorn } from "posthorn";
import { createPublisher } from "posthorn/publish";

const {
  DATABASE_URL,
  POSTHORN_SECRETS_KEY,
  POSTHORN_ADMIN_KEY,
  POSTHORN_EGRESS_ALLOW,
  PORT = "3000",
} = process.env;

const posthorn = await startPosthorn(
  { DATABASE_URL, POSTHORN_SECRETS_KEY, POSTHORN_ADMIN_KEY, POSTHORN_EGRESS_ALLOW },
  { listen: false, log: process.stderr },
);
const { publish } = createPublisher({ tenant: "shop" });
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 5 });
await pool.query(`
  create table if not exists orders (
    id integer generated always as identity primary key,
    item text not null,
    amount integer not null check (amount > 0)
  )`);

const app = express();
app.use("/webhooks", posthorn.app); // before express.json(): it reads bodies itself
app.use(express.json());

app.post("/orders", async (request, response) => {
  const order = await inTransaction(async (client) => {
    const { item, amount } = request.body;
    const { rows } = await client.query(
      "insert into orders (item, amount) values ($1, $2) returning *",
      [item, amount],
    );
    await publish(client, {
      type: "order.created",
      payload: rows[0],
      channel: item,
      idempotency_key: `order-${rows[0].id}`,
    });
    if (request.body.card === "refused") throw new Error("the card was refused");
    return rows[0];
  });
  response.status(201).json(order);
});

app.use((error, _request, response, _next) => {
  response.status(422).json({ message: error.message }); // rolled back: no order, and no event of one
});

async function inTransaction(work) {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`shop on http://127.0.0.1:${server.address().port}`);
});
process.once("SIGTERM", async () => {
  await new Promise((resolve) => server.close(resolve));
  await posthorn.stop();
  await pool.end();
});
