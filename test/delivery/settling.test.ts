// What is known of attempts while it can't be written down.
import { expect, test } from "@jest/globals";
import pg from "pg";

import { caller, until } from "../helpers/api.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";

// Refuses every end of a delivery as a full disk would; a sequence, which no rollback turns back, counts the tries.
const FULL_DISK = `
  create sequence public.tries;
  create function public.refuse() returns trigger language plpgsql as $$
  begin
    perform nextval('public.tries');
    raise exception using errcode = 'disk_full', message = 'no space left on device';
  end $$;
  create trigger full_disk before insert on posthorn.finished_deliveries
    for each row execute function public.refuse()`;

test("what is delivered but can't be written down yet is not sent again, though its lease runs out meanwhile", async () => {
  const service = await startTestService();
  const post = caller(service);
  const inbox = await startInbox();
  const sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
  const tries = async () =>
    Number((await sql.query("select last_value from public.tries")).rows[0].last_value);
  const pending = async () => (await sql.query("select from posthorn.deliveries")).rowCount;

  await sql.query(FULL_DISK);
  await post("webhooks.subscribe", { url: inbox.url }).expect(200);
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  await inbox.arrived(1);
  await until(tries, (count) => count >= 2);
  await sql.query("update posthorn.deliveries set locked_until = now() - interval '1 second'");
  const before = await tries();
  await until(tries, (count) => count >= before + 4); // time enough for ten claims
  await sql.query("drop trigger full_disk on posthorn.finished_deliveries");
  await until(pending, (count) => count === 0);

  await sql.end();
  await service.stop();
  await inbox.close();
  expect(inbox.requests).toHaveLength(1);
});
