// Connections that are lost: what the process must survive.
import { expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect } from "../../src/database/connect.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";

test("a connection lost between two statements fails the next one and nothing else; the pool replaces it", async () => {
  const { url, drop } = await createTestDatabase();
  const { pool, close } = connect(url, { name: "test", max: 1, log: silentLog });
  const client = await pool.connect();
  await client.query("begin");
  const lost = new Promise((resolve) => client.once("end", () => resolve(null)));
  await query(
    url,
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'posthorn test' and datname = current_database()",
  );
  await lost; // its error has come by now, with nobody waiting for an answer
  await expect(client.query("commit")).rejects.toThrow();
  client.release();
  expect((await pool.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
  await close();
  await drop();
});
