import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "@jest/globals";

import { createResolver, type Resolver } from "../../src/egress/resolver.ts";
import { startDnsServer, type DnsAnswer, type DnsServer } from "../helpers/dns-server.ts";

const HANG_MS = 30_000; // of a lookup: whatever answers has done so long before, however busy the machine is

const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

type Setting = { dns: DnsServer; resolver: Resolver; advance: (ms: number) => void };

async function start(
  answer: (name: string, type: "A" | "AAAA") => DnsAnswer,
  hostsFile = "/nonexistent",
  lookupMsMax = HANG_MS,
): Promise<Setting> {
  let nowMs = 0;
  const dns = await startDnsServer(answer);
  const clock = () => nowMs;
  const resolver = createResolver({ clock, servers: [dns.address], hostsFile, lookupMsMax });
  opened.push(resolver, dns);
  return { dns, resolver, advance: (ms) => (nowMs += ms) };
}

test("a name's addresses of both families are answered, IPv4 first", async () => {
  const { resolver } = await start(() => ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
});

test("a name with one family alone resolves, though the other's question is never answered", async () => {
  const { resolver } = await start((_, type) => (type === "A" ? ["192.0.2.1"] : "silence"));
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
});

test.each([
  ["unknown name", /no address/],
  ["server failure", /could not be resolved \(ESERVFAIL/],
  ["silence", /did not answer in time/],
  [[] as string[], /no address/],
])("%j is a failure of reason dns that says so", async (answer, text) => {
  const lookupMsMax = answer === "silence" ? 300 : HANG_MS;
  const { resolver } = await start(() => answer as DnsAnswer, undefined, lookupMsMax);
  const failure = resolver.resolve("a.example");
  await expect(failure).rejects.toMatchObject({
    reason: "dns",
    message: expect.stringMatching(text),
  });
});

test("a hundred lookups of one name ask once per family", async () => {
  const { dns, resolver } = await start(() => ["192.0.2.1"]);
  await Promise.all(Array.from({ length: 100 }, () => resolver.resolve("a.example")));
  expect(dns.questions.sort()).toEqual(["a.example A", "a.example AAAA"]);
});

test("a silent name holds up no other name", async () => {
  const { resolver } = await start((name) =>
    name === "silent.example" ? "silence" : ["192.0.2.1"],
  );
  let silentIsDone = false;
  const silent = Array.from({ length: 50 }, () => resolver.resolve("silent.example"));
  const all = Promise.allSettled(silent).then(() => (silentIsDone = true));
  await resolver.resolve("a.example");
  expect(silentIsDone).toBe(false);
  resolver.close();
  await all;
});

const numbered = (count: number, what: string) =>
  Array.from({ length: count }, (_, n) => `${what}-${n}.example`);
const asked = (dns: DnsServer) => new Set(dns.questions.map((question) => question.split(" ")[0]));

test("of 256 names with silent servers a few are asked for at once, and all are told within one lookup's time", async () => {
  const { dns, resolver } = await start(() => "silence", undefined, 1_000);
  const patient = await start(() => "silence", undefined, 5_000); // 24 at a time would take eleven times one lookup's
  let isLate = false;
  const lookups = numbered(256, "silent").map((name) => resolver.resolve(name));
  const slower = patient.resolver.resolve("silent.example").catch(() => (isLate = true));
  const results = await Promise.allSettled(lookups);
  expect(isLate).toBe(false);
  patient.resolver.close();
  await slower;
  expect(results.filter(({ status }) => status === "fulfilled")).toEqual([]);
  expect(asked(dns).size).toBe(24);
});

test("names that answered find places among new ones with silent servers, and new ones among those known as silent", async () => {
  const { dns, resolver, advance } = await start(
    (name) => (name.startsWith("silent") ? "silence" : ["192.0.2.1"]),
    "/nonexistent",
    900, // c-ares asks a second time after 250 ms at least: that is to be over when the next lookups start
  );
  const silentOnes = numbered(64, "silent");
  await resolver.resolve("known.example");
  advance(5_000);
  const first = Promise.allSettled(silentOnes.map((name) => resolver.resolve(name)));
  expect(await resolver.resolve("known.example")).toEqual(["192.0.2.1"]);
  await first;
  const silent = [...asked(dns)].filter((name) => name?.startsWith("silent")) as string[];
  expect(silent).toHaveLength(24);

  advance(1_000);
  dns.questions.length = 0;
  const again = Promise.allSettled(silent.map((name) => resolver.resolve(name)));
  const fresh = numbered(40, "new").map((name) => resolver.resolve(name));
  expect((await Promise.all(fresh)).length).toBe(40);
  await again;
  expect([...asked(dns)].filter((name) => name?.startsWith("silent"))).toHaveLength(8);
});

test("a hundred names that answer are all found, though few are asked for at once", async () => {
  const { resolver } = await start(() => ["192.0.2.1"]);
  const found = await Promise.all(numbered(100, "a").map((name) => resolver.resolve(name)));
  expect(found).toEqual(Array(100).fill(["192.0.2.1"]));
});

test("an answer is remembered for 5 s and asked for again afterwards, a failure for 1 s", async () => {
  let answer: DnsAnswer = "unknown name";
  const { resolver, advance } = await start(() => answer);
  await expect(resolver.resolve("a.example")).rejects.toThrow();
  answer = ["192.0.2.1"];
  await expect(resolver.resolve("a.example")).rejects.toThrow();
  advance(1_000);
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
  answer = ["192.0.2.2"];
  advance(4_999);
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
  advance(1);
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.2"]);
});

test("the hosts file is honoured before DNS, and an edit of it is seen", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hosts-"));
  const file = join(folder, "hosts");
  await writeFile(file, "# comment\n192.0.2.7  one.example  Two.Example # three.example\n");
  const { dns, resolver, advance } = await start(() => "unknown name", file);
  expect(await resolver.resolve("ONE.example.")).toEqual(["192.0.2.7"]);
  expect(await resolver.resolve("two.example")).toEqual(["192.0.2.7"]);
  expect(dns.questions).toEqual([]);
  await expect(resolver.resolve("three.example")).rejects.toMatchObject({ reason: "dns" });
  await writeFile(file, "192.0.2.8 one.example\n2001:db8::8 one.example\n");
  advance(5_000);
  expect(await resolver.resolve("one.example")).toEqual(["192.0.2.8", "2001:db8::8"]);
  await rm(folder, { recursive: true });
});

/** The same, by a resolv.conf in a folder of its own; \`says\` writes it anew. */
async function startByFile(
  answer: (name: string, type: "A" | "AAAA") => DnsAnswer,
  more: string,
  lookupMsMax = HANG_MS,
) {
  let nowMs = 0;
  const clock = () => nowMs;
  const dns = await startDnsServer(answer);
  const folder = await mkdtemp(join(tmpdir(), "resolv-"));
  const resolvConf = join(folder, "resolv.conf");
  const says = (text: string) => writeFile(resolvConf, text);
  await says(`# by hand\nnameserver ${dns.address}\n${more}\n`);
  const resolver = createResolver({
    clock,
    resolvConf,
    hostsFile: "/nonexistent",
    lookupMsMax,
  });
  opened.push(resolver, dns, { close: () => rm(folder, { recursive: true }) });
  return { dns, resolver, says, advance: (ms: number) => (nowMs += ms) };
}
const askedForA = (dns: DnsServer) =>
  dns.questions.filter((question) => question.endsWith(" A")).map((each) => each.split(" ")[0]);

test("name servers that change in resolv.conf are asked within seconds, also while others are asked", async () => {
  const { resolver, says, advance, dns } = await startByFile(
    (name) => (name === "slow.example" ? "silence" : ["192.0.2.1"]),
    "",
    6_500, // of which the slow one takes all, and no other more than a machine that stands still for 3 s
  );
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
  const pending = resolver.resolve("slow.example").catch(() => "none");
  const other = await startDnsServer(() => ["192.0.2.2"]);
  opened.push(other);
  await says(`nameserver ${other.address}\n`);
  advance(5_000);
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.2"]);
  expect(await pending).toBe("none");
  await says(`nameserver ${dns.address}\n`);
  advance(5_000);
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
});

test("a short name is looked for under the search domains, in their order, as in a pod of Kubernetes", async () => {
  const { dns, resolver } = await startByFile(
    (name) => (name === "svc.b.cluster.local" ? ["192.0.2.1"] : "unknown name"),
    "search a.cluster.local b.cluster.local c.cluster.local\noptions timeout:1 ndots:5",
  );
  expect(await resolver.resolve("svc")).toEqual(["192.0.2.1"]);
  expect(askedForA(dns)).toEqual(["svc.a.cluster.local", "svc.b.cluster.local"]);
});

test("a name with as many dots as ndots is first looked for as it stands, one with a dot at its end only so", async () => {
  const { dns, resolver } = await startByFile(
    (name) => (name === "a.example" ? ["192.0.2.1"] : "unknown name"),
    "domain gone.local\nsearch one.local. two.local",
  );
  expect(await resolver.resolve("a.example")).toEqual(["192.0.2.1"]);
  expect(askedForA(dns)).toEqual(["a.example"]);
  await expect(resolver.resolve("b.example")).rejects.toThrow("the name has no address");
  await expect(resolver.resolve("c.")).rejects.toThrow("the name has no address");
  expect(askedForA(dns).slice(1)).toEqual([
    "b.example",
    "b.example.one.local",
    "b.example.two.local",
    "c",
  ]);
});

test("a search that a server broke is told as that, not as a name without address", async () => {
  const { resolver } = await startByFile(
    (name) => (name === "svc.one.local" ? "server failure" : "unknown name"),
    "search one.local two.local",
  );
  await expect(resolver.resolve("svc")).rejects.toThrow(/could not be resolved \(ESERVFAIL/);
});

test("closing ends the lookups in flight, and those that wait for a place", async () => {
  const { dns, resolver } = await start(() => "silence");
  const lookups = Promise.allSettled(numbered(100, "a").map((name) => resolver.resolve(name)));
  const settled = lookups.then((all) => {
    for (const each of all)
      expect(each).toMatchObject({ status: "rejected", reason: { reason: "dns" } });
  });
  while (dns.questions.length === 0) await new Promise((resolve) => setImmediate(resolve));
  resolver.close();
  await settled;
  expect(asked(dns).size).toBeLessThanOrEqual(24);
});
