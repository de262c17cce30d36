// Certificates for tests, made on the spot: committed ones expire or carry private keys, and openssl may be missing.
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIPv4 } from "node:net";

export type Authority = { name: string; key: KeyObject; pem: string };

/** Makes an authority that tests may tell the egress to trust. */
export function createAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = certificate({ subject: name, publicKey, issuer: name, issuerKey: privateKey });
  return { name, key: privateKey, pem: toPem(der) };
}

/** Makes a server's key and certificate for `hosts` (names or IPv4 addresses), signed by `authority`. */
export function createCertificate(
  authority: Authority,
  hosts: string[],
  validity: { from?: Date; until?: Date } = {},
): { key: string; cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = certificate({
    subject: "receiver",
    publicKey,
    issuer: authority.name,
    issuerKey: authority.key,
    hosts,
    ...validity,
  });
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }) as string, cert: toPem(der) };
}

type Fields = {
  subject: string;
  publicKey: KeyObject;
  issuer: string;
  issuerKey: KeyObject;
  hosts?: string[]; // absent for an authority
  from?: Date;
  until?: Date;
};

const DAY = 86_400_000;

// RFC 5280 4.1, as DER.
function certificate(fields: Fields): Buffer {
  const { from = new Date(Date.now() - DAY), until = new Date(Date.now() + DAY) } = fields;
  const algorithm = sequence(oid("2a8648ce3d040302")); // ecdsa-with-SHA256
  const toSign = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(fields.issuer),
    sequence(time(from), time(until)),
    nameOf(fields.subject),
    fields.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(fields.hosts ? alternativeNames(fields.hosts) : isAuthority())),
  );
  const signature = sign("sha256", toSign, fields.issuerKey);
  return sequence(toSign, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

function alternativeNames(hosts: string[]): Buffer {
  const names = hosts.map((host) =>
    isIPv4(host)
      ? der(0x87, Buffer.from(host.split(".").map(Number)))
      : der(0x82, Buffer.from(host)),
  );
  return sequence(oid("551d11"), der(0x04, sequence(...names)));
}

function isAuthority(): Buffer {
  const yes = der(0x01, Buffer.from([0xff]));
  return sequence(oid("551d13"), yes, der(0x04, sequence(yes)));
}

function nameOf(commonName: string): Buffer {
  const text = der(0x0c, Buffer.from(commonName));
  return sequence(der(0x31, sequence(oid("550403"), text)));
}

function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/\D/g, "").slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}

const sequence = (...parts: Buffer[]) => der(0x30, Buffer.concat(parts));
const integer = (bytes: Buffer) => der(0x02, bytes);
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function toPem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
