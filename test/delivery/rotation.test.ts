// A key's rotation as receivers see it, judged by the libraries that they use.
import { createHmac } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Delivered, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let sql: pg.Client;
let inbox: Inbox;

beforeAll(async () => {
  service = await startTestService();
  post = caller(service);
  sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await service.stop();
});
beforeEach(async () => {
  inbox = await startInbox();
});
afterEach(async () => {
  const { body } = await post("webhooks.list");
  for (const { id } of body.data) await post("webhooks.delete", { id });
  await inbox.close();
});

const OLD = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

const subscribe = async (settings: object): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings })).body.id;
const rotate = async (id: string, settings: object = {}): Promise<string> =>
  (await post("webhooks.rotate_key", { id, ...settings }).expect(200)).body.signature_key;
/** Publishes an event and answers it as it arrived. */
const delivered = async (): Promise<Delivered> => {
  const count = inbox.requests.length + 1;
  await post("events.publish", { type: "message.created", payload: { n: count } }).expect(200);
  const requests = await inbox.arrived(count);
  return requests[count - 1] as Delivered;
};
const endOverlap = (id: string) =>
  sql.query("update posthorn.webhooks set previous_key_expires_at = now() where id = $1", [id]);
const signaturesOf = ({ headers }: Delivered) =>
  String(headers["webhook-signature"]).split(" ").length;

const JUDGES = { standardwebhooks: StandardWebhook, svix: SvixWebhook };

/** Says under which of the keys a delivery is genuine; the libraries have to agree. */
function genuineUnder({ body, headers }: Delivered, keys: readonly string[]): string[] {
  const [first, ...others] = Object.values(JUDGES).map((Webhook) =>
    keys.filter((key) => {
      try {
        new Webhook(key).verify(body, headers as Record<string, string>);
        return true;
      } catch {
        return false;
      }
    }),
  );
  for (const other of others) expect(other).toEqual(first);
  return first ?? [];
}

describe("in the preset standard", () => {
  test("both keys sign in one header until the overlap ends, then the new one alone", async () => {
    const id = await subscribe({ preset: "standard", signature_key: OLD });
    expect(genuineUnder(await delivered(), [OLD])).toEqual([OLD]);

    const second = await rotate(id);
    const during = await delivered();
    expect(signaturesOf(during)).toBe(2);
    expect(genuineUnder(during, [second, OLD])).toEqual([second, OLD]);

    // A second rotation ends the first one's overlap: there are never more than two.
    const third = await rotate(id, { overlap_s: 60 });
    const later = await delivered();
    expect(signaturesOf(later)).toBe(2);
    expect(genuineUnder(later, [third, second, OLD])).toEqual([third, second]);

    const fourth = await rotate(id, { overlap_s: 60 });
    await endOverlap(id);
    const after = await delivered();
    expect(signaturesOf(after)).toBe(1);
    expect(genuineUnder(after, [fourth, third, second])).toEqual([fourth]);
  });

  test("without an overlap the new key signs alone at once", async () => {
    const id = await subscribe({ preset: "standard", signature_key: OLD });
    const key = await rotate(id, { overlap_s: 0 });
    const request = await delivered();
    expect(signaturesOf(request)).toBe(1);
    expect(genuineUnder(request, [key, OLD])).toEqual([key]);
  });

  test("the overlap is a day unless told otherwise, by the database's clock", async () => {
    const id = await subscribe({ preset: "standard", signature_key: OLD });
    await rotate(id);
    const { rows } = await sql.query<{ left_s: number }>(
      "select extract(epoch from previous_key_expires_at - updated_at)::integer as left_s from posthorn.webhooks where id = $1",
      [id],
    );
    expect(rows).toEqual([{ left_s: 86_400 }]);
  });

  test("a rotation to the key that is there changes nothing, so a request may be repeated", async () => {
    const id = await subscribe({ preset: "standard", signature_key: OLD });
    const key = await rotate(id);
    await rotate(id, { signature_key: key });
    expect(genuineUnder(await delivered(), [key, OLD])).toEqual([key, OLD]);
  });

  test("told the same key with no overlap, it ends the one there is", async () => {
    const id = await subscribe({ preset: "standard", signature_key: OLD });
    const key = await rotate(id);
    await rotate(id, { signature_key: key, overlap_s: 0 });
    expect(genuineUnder(await delivered(), [key, OLD])).toEqual([key]);
  });

  test("a key set by an update signs alone: only a rotation overlaps", async () => {
    const id = await subscribe({ preset: "standard", signature_key: OLD });
    const key = await rotate(id);
    const other = key.replace(/.{7}=$/, "AAAAAAA=");
    await post("webhooks.update", { id, signature_key: other }).expect(200);
    expect(genuineUnder(await delivered(), [other, key, OLD])).toEqual([other]);
  });
});

test("in airy, whose header carries one signature, the new key signs at once", async () => {
  const id = await subscribe({ signature_key: "old" });
  const key = await rotate(id);
  const { body, headers } = await delivered();
  expect(headers["x-airy-content-signature"]).toBe(
    createHmac("sha256", key).update(body).digest("hex"),
  );
});

test("a retry of what failed before a rotation is signed with the new key, and attempts tell which key signed", async () => {
  inbox.reply = (_request, number) => (number === 0 ? { status: 500 } : {});
  const id = await subscribe({ preset: "standard", signature_key: OLD, retry_schedule_s: [1] });
  await delivered();
  const key = await rotate(id, { overlap_s: 0 });
  const [, again] = await inbox.arrived(2);
  expect(genuineUnder(again as Delivered, [key, OLD])).toEqual([key]);
  const [delivery] = await until(
    async () => (await post("deliveries.list", { webhook_id: id })).body.data,
    ([found]) => found.status === "delivered",
  );
  const { body } = await post("deliveries.info", { id: delivery.id });
  expect(body.attempts.map((attempt: { key_version: number }) => attempt.key_version)).toEqual([
    1, 2,
  ]);
});
