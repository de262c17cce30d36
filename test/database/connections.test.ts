// How many connections a process has, for what, and where it is refused because it could never have them.
import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { shareOut, sumOf, type Role } from "../../src/database/connections.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { caller } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";

const MIN: Record<Role, number> = { serve: 4, api: 2, worker: 2 };
const ROLES = Object.keys(MIN) as Role[];

describe.each(ROLES)("posthorn %s", (role) => {
  test("shares out as many connections as it is given, at least one for each of its parts", () => {
    for (let sum = MIN[role]; sum <= 200; sum++) {
      const connections = shareOut(role, sum);
      const parts = Object.values(connections).filter((count) => count > 0);
      const isCalled = role !== "api" && sum > MIN[role];
      expect(parts).toHaveLength((role === "serve" ? 4 : 2) + Number(isCalled));
      expect(sumOf(connections)).toBe(role === "worker" ? Math.min(sum, 6) : sum);
      if (role === "serve") expect(connections.publishing).toBeGreaterThanOrEqual(1);
    }
  });

  test("is refused with fewer than its parts need", () => {
    expect(() => shareOut(role, MIN[role] - 1)).toThrow(
      `POSTHORN_CONNECTIONS: at least ${MIN[role]} are needed for posthorn ${role}, ${MIN[role] - 1} were found`,
    );
  });
});

/** A database that is made ready by its owner, and a role that may use it and no more. */
async function databaseOf(role: string): Promise<TestDatabase & { urlOfRole: string }> {
  const database = await createTestDatabase();
  await prepareDatabase(database.url, { log: silentLog, seed: writeCatalogue });
  await query(
    database.url,
    `create role ${role} login;
     grant usage on schema posthorn to ${role};
     grant all on all tables in schema posthorn to ${role};
     grant all on all sequences in schema posthorn to ${role};
     grant execute on all functions in schema posthorn to ${role};
     select posthorn.allow_publish('${role}', 'default')`,
  );
  return {
    url: database.url,
    urlOfRole: `${database.url}${database.url.includes("?") ? "&" : "?"}user=${role}`,
    async drop() {
      await query(database.url, `drop owned by ${role}; drop role ${role}`);
      await database.drop();
    },
  };
}

describe("a role that may have four connections", () => {
  const role = `limited_${randomBytes(4).toString("hex")}`;
  let database: Awaited<ReturnType<typeof databaseOf>>;
  let url: string;
  beforeAll(async () => {
    database = await databaseOf(role);
    url = database.urlOfRole;
    await query(database.url, `alter role ${role} connection limit 4`);
  });
  afterAll(() => database.drop());

  test("has its service refused with the usual number, told what to set, and ready with four", async () => {
    await expect(startTestService({ DATABASE_URL: url })).rejects.toThrow(
      new RegExp(
        `^DATABASE_URL: the role ${role} lets in 4 connections, and this process is to have 16 .*set POSTHORN_CONNECTIONS to 4`,
      ),
    );
  });

  test("publishes and delivers over four, while the loop has much to do", async () => {
    const service = await startTestService({ DATABASE_URL: url, POSTHORN_CONNECTIONS: "4" });
    const inbox = await startInbox();
    const post = caller(service);
    await post("webhooks.subscribe", { url: inbox.url }).expect(200);
    const publishers = Array.from({ length: 8 }, async () => {
      for (let n = 0; n < 25; n++)
        await post("events.publish", { type: "message.created", payload: n }).expect(200);
    });
    await Promise.all(publishers);
    await inbox.arrived(200);
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    await inbox.close();
    await service.stop();
  });
});

test("a database that lets in too few is told, with what it takes where no setting would help", async () => {
  const database = await databaseOf(`limited_${randomBytes(4).toString("hex")}`);
  const name = new URL(database.url).pathname.slice(1);
  await query(database.url, `alter database ${name} connection limit 3`);
  await expect(startTestService({ DATABASE_URL: database.urlOfRole })).rejects.toThrow(
    /the database test_\w+ lets in 3 connections.*raise that: posthorn serve needs 4 at least/,
  );
  await database.drop();
});
