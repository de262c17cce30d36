// Asks over HTTP and shows the answer as it came over the line, which fetch and supertest hide.
import { once } from "node:events";
import http from "node:http";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

export type Answer = {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Of the body, as it came. */
  bytes: number;
  /** The body, decompressed. */
  text: string;
};

/** GETs, or POSTs a body as JSON. */
export async function ask(
  url: string,
  headers: Record<string, string | undefined> = {},
  body?: object,
): Promise<Answer> {
  const set = Object.entries(headers).filter(([, value]) => value !== undefined);
  const request = http.request(url, {
    method: body ? "POST" : "GET",
    headers: { ...(body && { "Content-Type": "application/json" }), ...Object.fromEntries(set) },
  });
  request.end(body && JSON.stringify(body));
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  const bytes = await buffer(answer);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    bytes: bytes.length,
    text: decoded(bytes, answer.headers["content-encoding"]).toString(),
  };
}

function decoded(bytes: Buffer, coding: string | undefined): Buffer {
  if (bytes.length === 0) return bytes; // a 304 names a coding, and has no body
  if (coding === "br") return brotliDecompressSync(bytes);
  return coding === "gzip" ? gunzipSync(bytes) : bytes;
}
