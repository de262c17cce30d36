// A stop while calls are open: each is answered, and nothing of it is an error.
import { expect, test } from "@jest/globals";
import pg from "pg";

import { createLog } from "../../src/kernel/log.ts";
import { caller } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { startTestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

const CALLS = 40; // more than there are connections to publish on

test("calls that a stop finds waiting are all answered, and told when nothing was stored; the log has no error of it", async () => {
  const lines: string[] = [];
  const database = await createTestDatabase();
  const log = createLog("info", { write: (line) => void lines.push(line) });
  const service = await startTestService({ DATABASE_URL: database.url }, { role: "api", log });
  const stranger = new pg.Client({ connectionString: database.url });
  await stranger.connect();
  await stranger.query("begin; lock table posthorn.events in access exclusive mode");
  const post = caller(service);
  const calls = Array.from({ length: CALLS }, (_, payload) =>
    post("events.publish", { type: "message.created", payload }).then(
      ({ status, body }) => ({ status, message: String(body.message) }),
      (error: Error) => ({ status: 0, message: error.message }),
    ),
  );
  await untilWaiting(stranger);
  await fetch(`${service.url}/healthz`); // who came before it is let in, too
  const stopped = service.stop();
  await stranger.query("select pg_sleep(10.5)"); // longer than a stop waits for calls
  await stranger.query("commit");
  await stranger.end();
  const answers = await Promise.all(calls);
  await stopped;
  await database.drop();

  const answered = (status: number) => answers.filter((answer) => answer.status === status);
  const refused = answered(503);
  expect(answered(200).length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(0);
  // Some found no place before.
  expect(answered(200).length + answered(429).length + refused.length).toBe(CALLS);
  for (const { message } of refused)
    expect(message).toBe(
      "this process is stopping and did not come to the request; nothing was stored, send it again",
    );
  expect(lines.filter((line) => !line.includes('"level":"info"'))).toEqual([]);
});
