// The rights that docs/rights.md names are enough, each block as it stands there.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { caller, until } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { testServerUrl } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";

const page = readFileSync(new URL("../../docs/rights.md", import.meta.url), "utf8");
const ROLES = ["posthorn_owner", "posthorn", "my_app", "reporting"];

/** The statements under a heading; roles belong to the whole server, so each test has its own. */
let suffix: string;
let url: string;
const blockOf = (heading: string) => {
  const [, block = ""] =
    new RegExp(`## ${heading}\n[^]*?\`\`\`sql\n([^]*?)\`\`\``).exec(page) ?? [];
  expect(block).not.toBe("");
  return block.replace(
    /(role |to |authorization |')(posthorn_owner|posthorn|my_app|reporting)\b/g,
    `$1$2_${suffix}`,
  );
};
const run = (heading: string) => query(url, blockOf(heading));
const as = (role: string) => {
  const changed = new URL(url);
  changed.searchParams.set("user", `${role}_${suffix}`);
  return changed.href;
};

beforeEach(async () => {
  suffix = randomBytes(4).toString("hex");
  url = databaseUrl(testServerUrl(), `test_${suffix}`);
  await query(testServerUrl(), `create database test_${suffix}`);
});
afterEach(async () => {
  await query(testServerUrl(), `drop database test_${suffix} with (force)`);
  for (const role of ROLES) await query(testServerUrl(), `drop role if exists ${role}_${suffix}`);
});

async function deliversAs(role: string): Promise<void> {
  const service = await startTestService({ DATABASE_URL: as(role) });
  const inbox = await startInbox((_request, number) => ({ status: number === 0 ? 500 : 200 }));
  try {
    const post = caller(service);
    const call = async (operation: string, body: object) => {
      const { status, body: answer } = await post(operation, body);
      if (status !== 200) throw new Error(`${operation}: ${JSON.stringify(answer)}`);
      return answer;
    };
    const { id } = await call("webhooks.subscribe", { url: inbox.url, retry_schedule_s: [1] });
    await call("events.publish", { type: "message.created", payload: 1, idempotency_key: "k" });
    await inbox.arrived(2);
    const delivered = (count: number) =>
      until(
        () => call("webhooks.info", { id }),
        ({ counters }) => counters.delivered === count,
      );
    await delivered(1); // what is pending still, a replay leaves out
    await call("webhooks.replay", { id, since: "2020-01-01T00:00:00Z" });
    await inbox.arrived(3);
    await delivered(2);
    await call("event_types.create", { name: "a.b" });
    await call("webhooks.delete", { id });
  } finally {
    await service.stop();
    await inbox.close();
  }
}

test("a role that may make no schema runs all of it in one made beforehand", async () => {
  await run("A schema made beforehand");
  await deliversAs("posthorn");
});

test("a service whose role owns nothing delivers where another role migrates", async () => {
  await run("Another role migrates");
  await prepareDatabase(as("posthorn_owner"), { log: silentLog, seed: writeCatalogue });
  await deliversAs("posthorn");
});

test("publishers publish for the tenants that they are let in for, readers read, and neither does more", async () => {
  await run("A schema made beforehand");
  await prepareDatabase(as("posthorn"), { log: silentLog, seed: writeCatalogue });
  await run("Publishers");
  await run("Readers");
  const [app, reader] = [as("my_app"), as("reporting")];
  await query(app, "select posthorn.publish('message.created', '1', tenant => 'acme')");
  expect(await query(reader, "select tenant from posthorn.v_events")).toEqual([{ tenant: "acme" }]);
  for (const [who, statement] of [
    [app, "select from posthorn.v_events"],
    [app, "select posthorn.allow_publish('public')"],
    [reader, "select from posthorn.events"],
    [reader, "select posthorn.publish('message.created', '1')"],
  ] as const)
    await expect(query(who, statement)).rejects.toBeInstanceOf(pg.DatabaseError);
});
