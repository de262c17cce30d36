import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { beforeAll, expect, test } from "@jest/globals";

import { followAuthorities } from "../../src/egress/authorities.ts";
import { createAuthority, createCertificate, type Authority } from "../helpers/certificates.ts";
import { closing, startEgress } from "../helpers/egress.ts";
import { says, startReceiver, startRecorder } from "../helpers/receivers.ts";

const HOSTS = ["localhost", "127.0.0.1"];
const LONG_AGO = { from: new Date("2001-01-01"), until: new Date("2002-01-01") };
const LATER = {
  from: new Date(Date.now() + 86_400_000),
  until: new Date(Date.now() + 172_800_000),
};

let trusted: Authority;
let unknown: Authority;
beforeAll(() => {
  trusted = createAuthority("trusted");
  unknown = createAuthority("unknown");
});

test("a receiver with a good certificate is reached, by name and by address", async () => {
  const certificate = createCertificate(trusted, HOSTS);
  const receiver = closing(await startReceiver(says("200 OK"), certificate));
  const { post } = startEgress({ ca: () => trusted.pem });
  for (const host of ["localhost", "localhost.", "127.0.0.1"]) {
    const exchange = await post(`https://${host}:${receiver.port}/`);
    expect(exchange).toMatchObject({ kind: "answered", status: 200, address: "127.0.0.1" });
  }
});

test.each([
  ["for another name", () => createCertificate(trusted, ["other.example"]), /for another name/],
  ["of an unknown authority", () => createCertificate(unknown, HOSTS), /authority is unknown/],
  ["that has expired", () => createCertificate(trusted, HOSTS, LONG_AGO), /has expired/],
  ["not valid yet", () => createCertificate(trusted, HOSTS, LATER), /not valid yet/],
])(
  "a certificate %s fails as tls with a text that says so, and gets no byte",
  async (_, make, error) => {
    let gotBytes = false;
    const receiver = closing(await startReceiver(() => (gotBytes = true), make()));
    const exchange = await startEgress({ ca: () => trusted.pem }).post(receiver.url);
    expect(exchange).toMatchObject({
      kind: "failed",
      reason: "tls",
      error: expect.stringMatching(error),
      address: "127.0.0.1",
    });
    expect(gotBytes).toBe(false);
  },
);

test("a failed certificate fails at every attempt, also after a good one of the same receiver", async () => {
  const receiver = closing(await startReceiver(says("200 OK"), createCertificate(trusted, HOSTS)));
  const { post } = startEgress({ ca: () => trusted.pem });
  const wrong = `https://a.localhost:${receiver.port}/`;
  for (const url of [wrong, receiver.url, wrong, receiver.url, wrong]) {
    const { kind } = await post(url);
    expect(kind).toBe(url === wrong ? "failed" : "answered");
  }
});

test("a file of authorities is followed when it is renewed, for connections and sessions that stand too; a bad one changes nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "authorities-"));
  const file = join(folder, "ca.pem");
  const [ours, other] = [trusted, unknown].map((authority) => createCertificate(authority, HOSTS));
  const receivers = [
    closing(await startReceiver(says("200 OK"), ours)),
    closing(await startReceiver(says("200 OK"), other)),
  ];
  let now = 0;
  const refused: string[] = [];
  await writeFile(file, trusted.pem);
  const clock = () => now;
  const ca = followAuthorities(file, clock, ({ message }) => refused.push(message));
  const { post } = startEgress({ ca, idleMax: 10 });
  const kinds = async () => {
    now += 2_000;
    const sent = receivers.map(({ url }) => post(url));
    return (await Promise.all(sent)).map(({ kind }) => kind);
  };
  expect(await kinds()).toEqual(["answered", "failed"]);
  await writeFile(file, trusted.pem + unknown.pem);
  expect(await kinds()).toEqual(["answered", "answered"]);
  await writeFile(file, unknown.pem);
  expect(await kinds()).toEqual(["failed", "answered"]);
  await writeFile(file, "-----BEGIN CERT");
  expect([await kinds(), await kinds()]).toEqual([
    ["failed", "answered"],
    ["failed", "answered"],
  ]);
  expect(refused).toEqual([expect.stringContaining("holds no certificate")]);
  await rm(file);
  expect(await kinds()).toEqual(["failed", "answered"]);
  expect(refused).toHaveLength(2);
  await rm(folder, { recursive: true });
});

test("a receiver that speaks plain HTTP, or resets in the handshake, fails as tls", async () => {
  const plain = closing(await startRecorder());
  const reset = closing(await startReceiver((socket) => void socket.resetAndDestroy()));
  for (const { port } of [plain, reset]) {
    const exchange = await startEgress().post(`https://127.0.0.1:${port}/`);
    expect(exchange).toMatchObject({ kind: "failed", reason: "tls" });
  }
});

test("silence in the handshake is a timeout that says where", async () => {
  const receiver = closing(await startReceiver(() => {}));
  const exchange = await startEgress().post(`https://127.0.0.1:${receiver.port}/`, {
    timeoutMs: 3_500,
  });
  const error = "no TLS handshake within 3500 ms";
  expect(exchange).toMatchObject({ kind: "failed", reason: "timeout", error });
});

test("node's environment switch does not turn checking off", async () => {
  const receiver = closing(await startReceiver(says("200 OK"), createCertificate(unknown, HOSTS)));
  const script = `
    import { createEgress } from "./src/egress/client.ts";
    import { parseCidrs } from "./src/egress/address.ts";
    const allow = parseCidrs("127.0.0.1");
    const egress = createEgress({ allow, forbidden: () => [], clock: () => performance.now(), random: Math.random });
    const request = { headers: {}, body: Buffer.from("{}"), timeoutMs: 60_000 };
    console.log((await egress.post({ url: ${JSON.stringify(receiver.url)}, ...request })).reason);
    await egress.close();`;
  const flags = ["--import", "tsx", "--input-type=module", "--eval", script];
  const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const { stdout } = await promisify(execFile)(process.execPath, flags, { env });
  expect(stdout.trim()).toBe("tls");
});
