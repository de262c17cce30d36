// One attempt, two requests: a kept connection that its receiver closes without an answer.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { closing } from "../helpers/egress.ts";
import { says, startReceiver, type Receiver } from "../helpers/receivers.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let sql: pg.Client;

beforeAll(async () => {
  service = await startTestService();
  post = caller(service);
  sql = await service.connect();
});
afterAll(() => service.stop());

/** Answers the first request of each connection, and closes it on the second one, once `act` is done. */
async function startForgetful(act: () => Promise<unknown> = () => Promise.resolve()) {
  const requests: string[] = [];
  const answered = new Set<object>();
  const receiver: Receiver = await startReceiver((socket, request) => {
    requests.push(request.toString());
    if (answered.has(socket)) return void act().then(() => socket.end());
    answered.add(socket);
    says("200 OK")(socket, request);
  });
  return { requests, ...closing(receiver) };
}

const header = (request: string | undefined, name: string) =>
  new RegExp(`^${name}: (.*)\r$`, "im").exec(request ?? "")?.[1];
async function publishTwo(): Promise<{
  id: string;
  last_status: number;
  attempts: { resent_at: string | null }[];
}> {
  const publish = async () =>
    (await post("events.publish", { type: "message.created", payload: 1 })).body.id;
  const deliveryOf = async (event: string) => {
    const { id } = (await post("deliveries.list", { event_id: event })).body.data[0];
    return (await post("deliveries.info", { id }).expect(200)).body;
  };
  const first = await publish();
  await until(
    () => deliveryOf(first),
    ({ status }) => status === "delivered",
  );
  const second = await publish();
  return until(
    () => deliveryOf(second),
    ({ attempts }) => attempts.length > 0,
  );
}

test("a second try is the same request once more, and is in the attempt's record", async () => {
  const deliverTwo = async () => {
    const { url, requests } = await startForgetful();
    const { id: webhook } = (await post("webhooks.subscribe", { url, signature_key: "k" })).body;
    const { id, attempts } = await publishTwo();
    await post("webhooks.delete", { id: webhook }).expect(200);
    return { id, attempts, requests };
  };
  // A busy machine may see the close too late for a second try: then once more, to another receiver.
  const { id, attempts, requests } = await until(deliverTwo, ({ attempts: [first] }) =>
    Boolean(first?.resent_at),
  );
  expect(attempts).toMatchObject([
    { number: 1, status: 200, resent_at: expect.stringMatching(/^\d{4}-/) },
  ]);
  expect(requests).toHaveLength(3);
  expect(requests[2]).toBe(requests[1]);
  expect(header(requests[2], "Webhook-Attempt")).toBe("1");
  const { rows } = await sql.query(
    "select at <= resent_at as in_order from posthorn.v_attempts where delivery_id = $1",
    [id],
  );
  expect(rows).toEqual([{ in_order: true }]);
});

test("nothing goes out a second time to a webhook that was paused meanwhile", async () => {
  let webhook = "";
  const pause = () =>
    sql.query("update posthorn.webhooks set paused = true where id = $1", [webhook]);
  const { url, requests } = await startForgetful(pause);
  webhook = (await post("webhooks.subscribe", { url })).body.id;
  const { attempts } = await publishTwo();
  expect(attempts).toMatchObject([{ number: 1, reason: "connect", resent_at: null }]);
  expect(requests).toHaveLength(2);
});
