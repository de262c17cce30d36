// A signed request as the service sends it, for those that are compared with it.
import { buildRequest, type BuiltRequest } from "../src/presets/build.ts";
import { PRESETS } from "../src/presets/index.ts";
import { SIGNATURE_KEY } from "./receiver.ts";

export function signed(id: string, payload: string): BuiltRequest {
  const now = new Date();
  return buildRequest(
    PRESETS.airy,
    { id, type: "message.created", timestamp: now, payload },
    { keys: [SIGNATURE_KEY], attempt: 1, sentAt: now },
  );
}
