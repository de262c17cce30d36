// sslmode and sslrootcert mean what they mean to libpq, and what is wrong is one line.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import pg from "pg";

import { knock } from "../../src/database/knock.ts";
import { createAuthority, createCertificate } from "../helpers/certificates.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startTestService } from "../helpers/service.ts";
import { startTlsFront, type TlsFront } from "../helpers/tls-front.ts";

const authority = createAuthority("a provider's own");
const certificate = createCertificate(authority, ["localhost"]);
const expired = createCertificate(authority, ["localhost"], { until: new Date(Date.now() - 1) });

let folder: string;
let database: TestDatabase;
let socketFile: string;
let front: TlsFront | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "posthorn-tls-"));
  await writeFile(join(folder, "ca.pem"), authority.pem);
  await writeFile(join(folder, "other.pem"), createAuthority("another").pem);
  database = await createTestDatabase();
  const { host, port } = new pg.Client({ connectionString: database.url });
  socketFile = `${host}/.s.PGSQL.${port}`;
});
afterEach(() => front?.close());
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

/** The URL of the database behind the front. */
function urlOf({ port }: TlsFront, query: string, host = "localhost"): string {
  const { user, database: name } = new pg.Client({ connectionString: database.url });
  const said = query.replace(/sslrootcert=(\w+\.pem)/, `sslrootcert=${folder}/$1`);
  return `postgres://${user}@${host}:${port}/${name}${said && `?${said}`}`;
}

type Front = Parameters<typeof startTlsFront>[1];
const FRONTS: Record<string, Front> = {
  "with TLS": { certificate },
  "with TLS alone": { certificate, demanded: true },
  "with an old certificate": { certificate: expired },
  "without TLS": {},
};

test.each<[keyof typeof FRONTS, string, "tls" | "plain"]>([
  ["with TLS", "", "tls"],
  ["with TLS", "sslmode=prefer", "tls"],
  ["with TLS", "sslmode=allow", "plain"],
  ["with TLS", "sslmode=disable", "plain"],
  ["with TLS", "sslmode=require", "tls"], // no proof of who answers is asked for
  ["with TLS", "ssl=true", "tls"],
  ["with TLS", "sslmode=require&sslrootcert=ca.pem", "tls"],
  ["with TLS", "sslmode=verify-ca&sslrootcert=ca.pem", "tls"],
  ["with TLS", "sslmode=verify-full&sslrootcert=ca.pem", "tls"],
  ["with TLS alone", "sslmode=allow", "tls"],
  ["with TLS alone", "", "tls"],
  ["without TLS", "", "plain"],
  ["without TLS", "sslmode=prefer", "plain"],
])("a server %s, and %s: %s", async (kind, query, how) => {
  front = await startTlsFront(socketFile, FRONTS[kind] ?? {});
  const url = await knock(urlOf(front, query));
  const before = front.taken.length;
  expect(await knock(url)).toBe(url); // as every connection after it
  expect(front.taken.slice(before)).toEqual([how]);
});

test("verify-ca takes a server by another name than its certificate's, verify-full does not", async () => {
  front = await startTlsFront(socketFile, { certificate });
  const by = (mode: string) =>
    urlOf(front as TlsFront, `sslmode=${mode}&sslrootcert=ca.pem`, "127.0.0.1");
  await knock(by("verify-ca"));
  await expect(knock(by("verify-full"))).rejects.toThrow(
    /^DATABASE_URL: .*127\.0\.0\.1.*; use a name that the certificate has, or sslmode=verify-ca/,
  );
});

test.each<[keyof typeof FRONTS, string, RegExp]>([
  [
    "with TLS",
    "sslmode=verify-full",
    /not of an authority that is known here: .*sslrootcert=\/path/,
  ],
  ["with TLS", "sslmode=require&sslrootcert=other.pem", /not of an authority that is known here/],
  ["with TLS", "sslmode=verify-ca", /sslmode=verify-ca needs the authority's certificate/],
  [
    "with TLS",
    "sslmode=require&sslrootcert=system",
    /sslrootcert=system needs sslmode=verify-full/,
  ],
  ["with TLS", "sslmode=verify-full&sslrootcert=none.pem", /sslrootcert can't be read: ENOENT/],
  ["with TLS", "sslmode=strict", /sslmode=strict is none of disable, allow, prefer, require/],
  ["with an old certificate", "sslmode=verify-full&sslrootcert=ca.pem", /certificate has expired/],
  ["with TLS alone", "sslmode=disable", /no encryption; if it takes connections over TLS alone/],
  ["without TLS", "sslmode=require", /does not support SSL connections; sslmode=require needs it/],
])("a server %s, and %s: one line says what to do", async (kind, query, line) => {
  front = await startTlsFront(socketFile, FRONTS[kind] ?? {});
  const said = await knock(urlOf(front, query)).catch((error: unknown) => (error as Error).message);
  expect(said).toMatch(line);
  expect(said).toMatch(/^DATABASE_URL: [^\n]+$/);
});

test("a service whose provider has an authority of its own runs over TLS alone, without a word from the driver", async () => {
  const warned = jest.spyOn(process, "emitWarning");
  front = await startTlsFront(socketFile, { certificate, demanded: true });
  const service = await startTestService({ DATABASE_URL: urlOf(front, "sslmode=require") });
  await service.stop();
  expect(new Set(front.taken)).toEqual(new Set(["tls"]));
  expect(warned).not.toHaveBeenCalled();
});
