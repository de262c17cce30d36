// The first connection of a start: whether the database can be reached at all, and how.
import pg from "pg";

import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import { databaseError } from "../kernel/faults.ts";
import { forDriver, sslModeOf, withSslMode, type SslMode } from "./tls.ts";

const KNOCK_MS_MAX = 10 * SECOND;
const INVALID_AUTHORIZATION = "28000"; // pg_hba.conf has no line for a connection of this kind
const NO_TLS = "The server does not support SSL connections"; // the driver's words, who has no code for it

const PAGE = "docs/database-tls.md";

/**
 * Connects once, and answers the URL for every connection after it: where it says `prefer`, `allow` or nothing, that is
 * with the mode that the server takes. Throws a StartError that says what stands in the way, and what to do.
 */
export async function knock(url: string): Promise<string> {
  const given = sslModeOf(url);
  const ways = waysOf(url, given);
  for (;;) {
    const way = ways.shift() ?? url;
    try {
      await connectOnce(way);
      return way;
    } catch (error) {
      if (error instanceof StartError) throw error;
      if (ways.length > 0 && isOfTheWay(error)) continue;
      throw new StartError(
        `DATABASE_URL: the database can't be connected to: ${reasonOf(error)}${adviceOn(error, given)}`,
        { cause: error },
      );
    }
  }
}

function waysOf(url: string, mode: SslMode | undefined): string[] {
  const isSocket = new pg.Client(forDriver(withSslMode(url, "disable"))).host.startsWith("/");
  if (isSocket) return [withSslMode(url, "disable")];
  const [tls, plain] = [withSslMode(url, "require"), withSslMode(url, "disable")];
  if (mode === "allow") return [plain, tls];
  return mode === undefined || mode === "prefer" ? [tls, plain] : [url];
}

const isOfTheWay = (error: unknown) =>
  databaseError(error)?.code === INVALID_AUTHORIZATION || reasonOf(error) === NO_TLS;

async function connectOnce(url: string): Promise<void> {
  const client = new pg.Client({ ...forDriver(url), connectionTimeoutMillis: KNOCK_MS_MAX });
  client.on("error", () => {}); // a connection lost right here shows in what comes next
  try {
    await client.connect();
  } finally {
    await client.end();
  }
}

const UNKNOWN_AUTHORITY = [
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];

function adviceOn(error: unknown, mode: SslMode | undefined): string {
  const { code = "" } = error as { code?: string };
  if (UNKNOWN_AUTHORITY.includes(code))
    return `; its certificate is not of an authority that is known here: name the provider's with sslrootcert=/path/to/ca.pem (${PAGE})`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `; use a name that the certificate has, or sslmode=verify-ca with the provider's sslrootcert (${PAGE})`;
  if (reasonOf(error) === NO_TLS)
    return `; sslmode=${mode} needs it: switch it on there, or, where nobody else can reach it, use sslmode=disable (${PAGE})`;
  if (code === INVALID_AUTHORIZATION && mode === "disable")
    return `; if it takes connections over TLS alone, use sslmode=verify-full or require (${PAGE})`;
  return "";
}

/** The driver wraps what several addresses answered; its own texts name hosts and roles, never passwords. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((each) => reasonOf(each)).join(", ");
  return error instanceof Error ? error.message : String(error);
}
