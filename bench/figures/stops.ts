// For how long nobody is served while one large body is read, by what it holds.
import { setTimeout as sleep } from "node:timers/promises";

import { Pool } from "undici";

import { LOOP_STOPS, message, startService, type Service } from "../children.ts";
import { headersOf } from "../service.ts";
import { BENCH, type Group } from "../stage.ts";

const MIB = 1024 * 1024;
const BODY_BYTES = 16 * MIB - 1024; // as much as a body may have, but for what is around its list
const PAYLOAD_BYTES = 256 * 1024 - 64;
const ROUNDS = 3;
const STOP_MS_MAX = 100;
const REST_MS = 300; // for what a body leaves behind: garbage, what is sent to the database

const filled = (piece: string, bytes: number) => piece.repeat(Math.floor(bytes / piece.length));
const listOf = (piece: string, bytes = PAYLOAD_BYTES) =>
  `[${filled(`${piece},`, bytes - 2 - piece.length)}${piece}]`;
const text = (char: string) => `"${filled(char, PAYLOAD_BYTES / Buffer.byteLength(char))}"`;
const event = (payload: string) => `{"type":"message.created","payload":${payload}}`;
const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
const keys = (from: number) => {
  const made = Array.from({ length: 18_000 }, (_, n) => `"${from + n}":${n % 10}`);
  return `{${made.join(",").slice(0, PAYLOAD_BYTES - 32)}`.replace(/,[^,]*$/, "}");
};

/** What a body may hold, and the status that it is answered with. */
const BODIES: [what: string, status: number, body: () => string | Buffer][] = [
  ["{}, by the million", 400, () => bodyOf("{}", Infinity)],
  ["lists in lists", 200, () => bodyOf(event(listOf(nested(499))))],
  ["one list, 500,000 levels deep", 400, () => bodyOf(event(nested(500_000)), 1)],
  ["one text", 413, () => bodyOf(event(`"${filled("x", BODY_BYTES - 64)}"`), 1)],
  ["texts", 200, () => bodyOf(event(text("x")))],
  ["texts of backslashes", 200, () => bodyOf(event(text("\\\\")))],
  ["texts that are not ASCII", 200, () => bodyOf(event(text("€")))],
  ["numbers", 200, () => bodyOf(event(listOf("1")))],
  ["numbers of 250,000 digits", 200, () => bodyOf(event(`[0.${filled("1", 250_000)}]`))],
  ["nulls", 200, () => bodyOf(event(listOf("null")))],
  ["empty lists", 200, () => bodyOf(event(listOf("[]")))],
  ["many keys", 200, () => bodyOf(event(keys(100_000)))],
  ["a thousand events", 200, () => bodyOf(event(`"${filled("x", 16_000)}"`), 1_000)],
  ["a thousand wrong events", 400, () => bodyOf(listOf('{"a":1}', 16_000), 1_000)],
  ["wrong fields", 400, () => bodyOf(keys(100_000))],
  ["a last byte that is not UTF-8", 400, notUtf8],
];

export const stops: Group = {
  title: "Large bodies",
  about:
    "The longest time for which the loop of `posthorn api` stood still by its own work, by a timer of 5 ms in it, while one `publish_many` " +
    "of 16 MiB was received, judged and stored or refused, by what it holds. Beside it: the same time without a body, and a body whose sender has no key.",
  rounds: 1,
  async run(scene) {
    const api = await startService("api", scene.env, LOOP_STOPS);
    const http = new Pool(api.url, { connections: 1, headersTimeout: 0, bodyTimeout: 0 });
    const send = async (body: string | Buffer, headers: Record<string, string>) => {
      const answer = await http.request({
        ...{ method: "POST", path: "/events.publish_many", headers, body },
      });
      const said = await answer.body.text();
      return { status: answer.statusCode, said };
    };
    const ours = headersOf(BENCH.tenant);
    const strangers = { ...ours, authorization: "Bearer nobody" };
    await send(bodyOf(event("1"), 1_000), ours); // a fresh process takes ten times as long as the next
    for (let round = 0; round < (scene.isQuick ? 1 : ROUNDS); round++) {
      await longestStopMs(api);
      await sleep(1_000);
      scene.note("longest stop, nothing sent", await longestStopMs(api), "ms");
      for (const [what, wanted, make] of BODIES) {
        const body = make();
        await longestStopMs(api);
        const { status, said } = await send(body, ours);
        await sleep(REST_MS);
        if (status !== wanted) throw new Error(`${what}: ${status} ${said.slice(0, 1_000)}`);
        scene.note(`longest stop, ${what}`, await longestStopMs(api), "ms", {
          atMost: STOP_MS_MAX,
        });
      }
      await send(bodyOf(event(text("x"))), strangers);
      scene.note("longest stop, from a stranger", await longestStopMs(api), "ms", {
        atMost: STOP_MS_MAX,
      });
    }
    await http.close();
    await api.stop();
  },
};

function bodyOf(item: string, itemsMax = Infinity): string {
  const count = Math.min(itemsMax, Math.floor(BODY_BYTES / (Buffer.byteLength(item) + 1)));
  return `{"events":[${`${item},`.repeat(count - 1)}${item}]}`;
}

function notUtf8(): Buffer {
  const body = Buffer.from(bodyOf(event(text("x"))));
  body[body.lastIndexOf("x")] = 0xff;
  return body;
}

// Since it was asked for the last time.
function longestStopMs({ child }: Service): Promise<number> {
  const told = message<number>(child);
  child.send("how long");
  return told;
}
