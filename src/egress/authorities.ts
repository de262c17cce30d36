// Authorities whose certificates are trusted beside the well-known ones.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";

const READ_AGAIN_AFTER_MS = 2 * SECOND; // a renewed file is followed this soon

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Follows the file, if one is named: what it gives answers what is in it now, the same text while it is the same. One that
 * can't be read, or is half written, changes nothing: those read last stand, and `refused` is told once what is wrong.
 */
export function followAuthorities(
  path: string | null,
  clock: MonotonicClock,
  refused: (error: Error) => void,
): (() => string) | undefined {
  return path === null ? undefined : follow(path, clock, refused);
}

function follow(path: string, clock: MonotonicClock, refused: (error: Error) => void) {
  let known = readAuthorities(path);
  let readAt = clock();
  let told = "";

  function read(): void {
    try {
      known = readAuthorities(path);
      told = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== told) refused(error as Error);
      told = message;
    }
  }
  return () => {
    if (clock() - readAt < READ_AGAIN_AFTER_MS) return known;
    readAt = clock();
    read();
    return known;
  };
}

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
