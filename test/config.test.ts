// What the settings may say.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "@jest/globals";

import { loadConfig } from "../src/config.ts";
import { readAuthorities } from "../src/egress/authorities.ts";
import { createAuthority } from "./helpers/certificates.ts";

test.each(["ключ-ключ-ключ-ключ-ключ-ключ", "twenty-four and a bit more", "x".repeat(23)])(
  "an admin key that no header carries, or that is short, stops the start and is not repeated: %s",
  (key) => {
    let told = "";
    try {
      loadConfig({ POSTHORN_ADMIN_KEY: key });
    } catch (error) {
      told = String(error);
    }
    expect(told).toContain("POSTHORN_ADMIN_KEY: ");
    expect(told).not.toContain(key);
  },
);

test("an admin key of 24 visible characters is taken as it is", () => {
  const key = "!~correct-horse-battery~";
  expect(loadConfig({ POSTHORN_ADMIN_KEY: key }).POSTHORN_ADMIN_KEY).toBe(key);
});

test.each(["0", "1.5", "many", "-2", "65", "1e1", "9999999999999"])(
  "%s is no number of processes; the start stops with a line that says what is needed",
  (value) => {
    expect(() => loadConfig({ POSTHORN_PROCESSES: value })).toThrow(
      /^POSTHORN_PROCESSES: a whole number from 1 to 64 is needed, or auto for one process a core$/,
    );
  },
);

test("so many processes are run as are asked for, or one a core; one unless asked", () => {
  const count = (env: NodeJS.ProcessEnv) => loadConfig(env).POSTHORN_PROCESSES;
  expect([count({}), count({ POSTHORN_PROCESSES: "64" })]).toEqual([1, 64]);
  expect(count({ POSTHORN_PROCESSES: "auto" })).toBe(Math.min(availableParallelism(), 64));
});

test.each(["socks5://proxy:1080", "proxy:3128", "http://u:canary%@proxy:3128", "http://proxy/p"])(
  "%s is no proxy; the start stops with a line that says what is needed and repeats nothing",
  (value) => {
    const load = () => loadConfig({ POSTHORN_EGRESS_PROXY: value });
    expect(load).toThrow(/^POSTHORN_EGRESS_PROXY: an address like http:\/\/user:password@/);
    expect(load).not.toThrow(value);
  },
);

test("a proxy is taken with its user name and password", () => {
  const url = loadConfig({
    POSTHORN_EGRESS_PROXY: "http://u:p%40@proxy:3128",
  }).POSTHORN_EGRESS_PROXY;
  expect(url?.href).toBe("http://u:p%40@proxy:3128/");
});

test("a file of authorities is read at the start; one that is missing, empty or damaged stops it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "authorities-"));
  const file = join(folder, "ca.pem");
  const load = () => loadConfig({ POSTHORN_CA_FILE: file }).POSTHORN_CA_FILE;
  expect(load).toThrow(/^POSTHORN_CA_FILE: .* can't be read \(ENOENT\)/);
  await writeFile(file, "no certificate");
  expect(load).toThrow(/holds no certificate/);
  const [one, two] = [createAuthority("one").pem, createAuthority("two").pem];
  await writeFile(file, `${one}${two.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA")}`);
  expect(load).toThrow(/certificate 2 of .* can't be read/);
  await writeFile(file, `# ours\n${one}\n${two}`);
  expect(load()).toBe(file);
  expect(readAuthorities(file).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  await rm(folder, { recursive: true });
});

test("payloads are kept no longer than their events: as long where nothing is said, more stops the start", () => {
  const kept = (env: NodeJS.ProcessEnv) => loadConfig(env).POSTHORN_PAYLOAD_RETENTION_D;
  expect(kept({})).toBe(30);
  expect(kept({ POSTHORN_RETENTION_D: "7" })).toBe(7);
  expect(kept({ POSTHORN_RETENTION_D: "90" })).toBe(30);
  expect(kept({ POSTHORN_RETENTION_D: "90", POSTHORN_PAYLOAD_RETENTION_D: "90" })).toBe(90);
  const tooLong = { POSTHORN_RETENTION_D: "7", POSTHORN_PAYLOAD_RETENTION_D: "8" };
  expect(() => loadConfig(tooLong)).toThrow(/^POSTHORN_PAYLOAD_RETENTION_D: 8 days[^\n]*$/);
});

test("what README has callers export is no unknown setting; one that is mistyped is told", () => {
  const warned: string[] = [];
  loadConfig({ POSTHORN_KEY: "a key", POSTHORN_URL: "http://127.0.0.1:8080" }, (text) =>
    warned.push(text),
  );
  expect(warned).toEqual([]);
  loadConfig({ POSTHORN_TOKENS: "a key" }, (text) => warned.push(text));
  loadConfig({ POSTHORN_RETENTION: "7" }, (text) => warned.push(text));
  expect(warned).toEqual([
    "POSTHORN_TOKENS is not a setting of this version; it is ignored",
    "POSTHORN_RETENTION is not a setting of this version; it is ignored; did you mean POSTHORN_RETENTION_D?",
  ]);
});

test.each([
  ["POSTHORN_FRAME_ANCESTORS", "app.example.com"],
  ["POSTHORN_FRAME_ANCESTORS", "*"],
  ["POSTHORN_FRAME_ANCESTORS", "https://a.example; script-src *"],
  ["POSTHORN_FRAME_ANCESTORS", "https://a.example, https://b.example"],
  ["POSTHORN_FRAME_ANCESTORS", "https://a.example/path"],
  ["POSTHORN_FRAME_ANCESTORS", "'none' https://a.example"],
  ["POSTHORN_PUBLIC_URL", "hooks.example.com"],
  ["POSTHORN_PUBLIC_URL", "javascript:alert(1)"],
  ["POSTHORN_PUBLIC_URL", "https://hooks.example.com/?a=b"],
  ["POSTHORN_PUBLIC_URL", "https://user@hooks.example.com/"],
])("%s=%s stops the start with a line that names it", (name, value) => {
  const named = new RegExp(`^${name}: [^\n]* needed, [^\n]*$`);
  expect(() => loadConfig({ [name]: value })).toThrow(named);
});

test("sites that may frame the portal are taken as a policy takes them", () => {
  const framers = (value: string) =>
    loadConfig({ POSTHORN_FRAME_ANCESTORS: value }).POSTHORN_FRAME_ANCESTORS;
  expect(framers("https://a.example:8443  https://*.b.example 'self'")).toEqual([
    "https://a.example:8443",
    "https://*.b.example",
    "'self'",
  ]);
  expect(framers("'none'")).toEqual([]);
  expect(framers("")).toEqual([]);
});
