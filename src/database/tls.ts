// TLS to the database: what libpq means by sslmode and sslrootcert, said in the words of a driver that means other things.
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";

import { StartError } from "../kernel/errors.ts";

const MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
export type SslMode = (typeof MODES)[number];

// What a URL may say of TLS. The driver would read them in its own way, and let that go before what it is given.
const PARAMETERS = [
  "ssl",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sslpassword",
  "sslnegotiation",
  "uselibpqcompat",
];

/** A database URL as the driver is to have it. */
export type DriverUrl = {
  connectionString: string;
  ssl: false | ConnectionOptions;
  sslnegotiation?: "direct";
};

/** How the URL wants the connection secured; undefined where it says nothing, which libpq takes as `prefer`. */
export function sslModeOf(url: string): SslMode | undefined {
  const [, parameters] = split(url);
  const mode = parameters.get("sslmode");
  if (mode === "no-verify") return "require"; // the driver's own word for it
  if (mode !== null) {
    const known = MODES.find((each) => each === mode);
    if (known) return known;
    throw new StartError(`DATABASE_URL: sslmode=${mode} is none of ${MODES.join(", ")}`);
  }
  const ssl = parameters.get("ssl");
  return ssl === null ? undefined : ["0", "false"].includes(ssl) ? "disable" : "require";
}

/** The URL with another sslmode. */
export function withSslMode(url: string, mode: SslMode): string {
  const [base, parameters] = split(url);
  parameters.delete("ssl");
  parameters.set("sslmode", mode);
  return join(base, parameters);
}

/**
 * Takes out of a URL what it says of TLS, for the driver to be given apart. Without a mode that was settled by a knock,
 * `prefer` is TLS and `allow` is none. Throws a StartError where a file that it names can't be read.
 */
export function forDriver(url: string): DriverUrl {
  const mode = sslModeOf(url);
  const [base, parameters] = split(url);
  const file = (name: string) => {
    const path = parameters.get(name);
    return path === null ? undefined : readNamed(name, path);
  };
  const isSystem = parameters.get("sslrootcert") === "system";
  if (isSystem && mode !== "verify-full")
    throw new StartError("DATABASE_URL: sslrootcert=system needs sslmode=verify-full");
  const read = { ca: isSystem ? undefined : file("sslrootcert"), cert: file("sslcert") };
  const files = { ...read, key: file("sslkey"), passphrase: parameters.get("sslpassword") };
  const isDirect = parameters.get("sslnegotiation") === "direct";
  for (const name of PARAMETERS) parameters.delete(name);
  const connectionString = join(base, parameters);
  if (mode === undefined || mode === "disable" || mode === "allow")
    return { connectionString, ssl: false };
  const given = Object.fromEntries(Object.entries(files).filter(([, value]) => value));
  return {
    connectionString,
    ssl: { ...given, ...checksOf(mode, files.ca !== undefined) },
    ...(isDirect && { sslnegotiation: "direct" }),
  };
}

// With an authority's certificate `require` checks the chain, as libpq does for those who began with that.
function checksOf(mode: SslMode, hasAuthority: boolean): ConnectionOptions {
  if (mode === "verify-full") return {};
  if (hasAuthority) return { checkServerIdentity: () => undefined };
  if (mode !== "verify-ca") return { rejectUnauthorized: false };
  throw new StartError(
    "DATABASE_URL: sslmode=verify-ca needs the authority's certificate, sslrootcert=/path/to/ca.pem; with a public authority use sslmode=verify-full",
  );
}

function readNamed(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { message } = error as Error;
    throw new StartError(`DATABASE_URL: ${name} can't be read: ${message}`, { cause: error });
  }
}

function split(url: string): [base: string, parameters: URLSearchParams] {
  const at = url.indexOf("?");
  return at === -1
    ? [url, new URLSearchParams()]
    : [url.slice(0, at), new URLSearchParams(url.slice(at + 1))];
}

const join = (base: string, parameters: URLSearchParams) =>
  parameters.size === 0 ? base : `${base}?${parameters.toString()}`;
