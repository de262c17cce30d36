// What scrapes ask of the database, by a clock that the test moves.
import { describe, expect, test } from "@jest/globals";

import type { KnownKey } from "../../src/kernel/scopes.ts";
import { rememberScrapers } from "../../src/keys/scrapers.ts";
import { createSeldom } from "../../src/metrics/seldom.ts";

const AWAY = Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" });

describe("a question to the database", () => {
  test("is asked at most once in 10 s, whoever scrapes, and several who come at once share one answer", async () => {
    let now = 0;
    let asked = 0;
    const facts = createSeldom(
      () => Promise.resolve(++asked),
      () => now,
    );
    expect(await Promise.all([facts(), facts(), facts()])).toEqual([1, 1, 1]);
    now = 9_999;
    expect([await facts(), await facts()]).toEqual([1, 1]);
    now = 10_000;
    expect(await Promise.all([facts(), facts()])).toEqual([2, 2]);
    expect(asked).toBe(2);
  });

  test("that fails leaves its series out, and is not asked again before its time", async () => {
    let now = 0;
    let asked = 0;
    const answers = [
      () => Promise.resolve("well"),
      () => Promise.reject(AWAY),
      () => Promise.resolve("back"),
    ];
    const facts = createSeldom(
      () => answers[asked++]?.() ?? Promise.reject(AWAY),
      () => now,
    );
    expect(await facts()).toBe("well");
    now = 10_000;
    expect([await facts(), await facts(), asked]).toEqual([undefined, undefined, 2]);
    now = 19_999;
    expect([await facts(), asked]).toEqual([undefined, 2]);
    now = 20_000;
    expect(await facts()).toBe("back");
  });

  test("that is not answered is answered with what is known for 30 s, and then not at all", async () => {
    let now = 0;
    const facts = createSeldom(
      () => (now === 0 ? Promise.resolve("known") : new Promise<string>(() => {})),
      () => now,
    );
    expect(await facts()).toBe("known");
    now = 29_999;
    expect(await facts()).toBe("known");
    now = 30_000;
    expect(await facts()).toBeUndefined();
  });
});

describe("while the database is away", () => {
  const scraper: KnownKey = { id: "1", scope: "metrics", tenant: null, portal: null };
  const admin: KnownKey = { ...scraper, scope: "admin" };

  test("a metrics key that was valid in the last 10 minutes still is, and no other key", async () => {
    let now = 0;
    let isAway = false;
    const keys: Record<string, KnownKey> = { scraper, admin };
    const find = rememberScrapers(
      (given) => (isAway ? Promise.reject(AWAY) : Promise.resolve(keys[given])),
      () => now,
    );
    expect([await find("scraper"), await find("admin")]).toEqual([scraper, admin]);
    isAway = true;
    now = 599_999;
    expect(await find("scraper")).toEqual(scraper);
    await expect(find("admin")).rejects.toBe(AWAY);
    await expect(find("never seen")).rejects.toBe(AWAY);
    now = 600_000;
    await expect(find("scraper")).rejects.toBe(AWAY);
  });

  test("a key that was found revoked is forgotten at once", async () => {
    let answer: () => Promise<KnownKey | undefined> = () => Promise.resolve(scraper);
    const find = rememberScrapers(
      () => answer(),
      () => 0,
    );
    await find("scraper");
    answer = () => Promise.resolve(undefined);
    await find("scraper"); // what is remembered does not go before what the database says
    answer = () => Promise.reject(AWAY);
    await expect(find("scraper")).rejects.toBe(AWAY);
  });
});
