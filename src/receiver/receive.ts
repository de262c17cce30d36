// A request to the local receiver: read to a bound, and verified.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

import type { PresetName, PresetSettings } from "../presets/index.ts";
import {
  SignatureVerificationError,
  verifyWebhook,
  type SignatureVerificationCode,
} from "../verify/index.ts";

/** What is made of a signature; `unchecked` where no key was given to check it with. */
export type Verdict =
  | { kind: "verified" }
  | { kind: "refused"; code: SignatureVerificationCode; message: string }
  | { kind: "unchecked" };

export type Received = { headers: IncomingHttpHeaders; body: Buffer; verdict: Verdict; at: Date };

/** What a delivery is verified with; without a preset it is recognised by the headers and the body. */
export type Expectation = {
  keys: readonly string[];
  preset: PresetName | undefined;
  presetSettings: PresetSettings | undefined;
};

const BODY_BYTES_MAX = 1024 * 1024; // an event is at most 256 KiB and its envelope

/** Reads and verifies a request; undefined where its body is larger than any delivery's. */
export async function receive(
  request: IncomingMessage,
  { keys, preset, presetSettings }: Expectation,
  now: () => Date,
): Promise<Received | undefined> {
  const body = await readBody(request);
  if (!body) return undefined;
  const at = now();
  const { headers } = request;
  if (keys.length === 0) return { headers, body, at, verdict: { kind: "unchecked" } };
  try {
    await verifyWebhook(body, headers, keys, { preset, presetSettings, now: at });
    return { headers, body, at, verdict: { kind: "verified" } };
  } catch (error) {
    if (!(error instanceof SignatureVerificationError)) throw error;
    const { code, message } = error;
    return { headers, body, at, verdict: { kind: "refused", code, message } };
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
