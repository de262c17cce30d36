// What a page is made of: files that are named by what they hold, and are compressed when they are built, not when they are asked for.
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { extname } from "node:path";

import type { RequestHandler, Response } from "express";

import { codeThoroughly, codingFor, WORTH_CODING, type Coding } from "./coding.ts";

const HASHED = /^(?<stem>.+)\.[0-9a-f]{16}(?<extension>\.[a-z]+)$/;
const FOR_EVER = "public, max-age=31536000, immutable"; // another content has another name
const ASK_AGAIN = "no-cache"; // its name stays: kept, but compared each time
const EXTENSIONS = { br: ".br", gzip: ".gz" } as const;

/** The files of a folder that `npm run build` has made. */
export type HashedFiles = {
  /** A file's whole name, by the name that it had; a page refers to it by that. */
  nameOf(plain: string): string;
  serve: RequestHandler;
};

/** Reads which files a folder has; those without a hash in their names are not served. */
export function hashedFiles(folder: string): HashedFiles {
  const names = new Set(existsSync(folder) ? readdirSync(folder) : []); // none where nothing was built
  const hashed = new Map<string, string>();
  for (const name of names) {
    const { stem, extension } = HASHED.exec(name)?.groups ?? {};
    if (stem !== undefined) hashed.set(`${stem}${extension}`, name);
  }
  return {
    nameOf: (plain) => hashed.get(plain) ?? plain,
    serve: (request, response, next) => {
      const name = request.path.slice(1);
      if (!HASHED.test(name) || !names.has(name)) return next();
      const coding = codingFor(request, response);
      const isCoded = coding !== undefined && names.has(name + EXTENSIONS[coding]);
      if (isCoded) response.set("Content-Encoding", coding);
      response.type(extname(name)).set("Cache-Control", FOR_EVER);
      response.sendFile(isCoded ? name + EXTENSIONS[coding] : name, {
        root: folder,
        cacheControl: false,
        acceptRanges: false, // a part of which coding?
      });
    },
  };
}

/** The name by which a text is served for ever. */
export function hashedName(stem: string, extension: string, text: string): string {
  return `${stem}.${createHash("sha256").update(text).digest("hex").slice(0, 16)}${extension}`;
}

/** Serves a text; it is made, or read, and compressed once, when somebody asks for it first. */
export function textFile(
  read: () => string,
  { type, isForEver = false }: { type: string; isForEver?: boolean },
): RequestHandler {
  let text: Buffer | undefined;
  const coded = new Map<Coding, Promise<Buffer>>();
  const codedAs = (plain: Buffer, coding: Coding): Promise<Buffer> => {
    const bytes = coded.get(coding) ?? codeThoroughly(plain, coding);
    coded.set(coding, bytes);
    return bytes;
  };

  return async (request, response: Response) => {
    response.type(type).set("Cache-Control", isForEver ? FOR_EVER : ASK_AGAIN);
    const plain = (text ??= Buffer.from(read()));
    const coding = plain.length < WORTH_CODING ? undefined : codingFor(request, response);
    if (coding) response.set("Content-Encoding", coding);
    response.send(coding ? await codedAs(plain, coding) : plain);
  };
}
