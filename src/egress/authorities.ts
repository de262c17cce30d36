// Authorities whose certificates are trusted beside the well-known ones.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import { StartError } from "../kernel/errors.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads a PEM file of one or more authorities; a StartError says what is wrong with it, the caller adds the setting. */
export function readAuthorities(path: string): string {
  const certificates = readText(path).match(CERTIFICATE) ?? [];
  if (certificates.length === 0)
    throw new StartError(`${path} holds no certificate; name a PEM file (BEGIN CERTIFICATE)`);
  certificates.forEach((pem, i) => {
    try {
      new X509Certificate(pem);
    } catch {
      throw new StartError(`certificate ${i + 1} of ${path} can't be read; is the file damaged?`);
    }
  });
  return certificates.join("\n");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "no code" } = error as NodeJS.ErrnoException;
    throw new StartError(
      `${path} can't be read (${code}); name a PEM file that this user may read`,
    );
  }
}
