// How a receiver verifies what arrives, for a webhook's preset.
import { PRESETS } from "../../../presets/index.ts";
import { Payload } from "../../parts/payload.tsx";
import type { Values } from "./values.ts";

export function Snippet({ preset }: { preset: Values["preset"] }) {
  const { signatureHeader, signature } = PRESETS[preset];
  return (
    <div className="preset">
      <h2>Verify what arrives</h2>
      <Payload what="the verification snippet" text={snippetFor(preset)} />
      <p className="dim">
        Without the package: <code>{signatureHeader}</code> is the HMAC-SHA256 of{" "}
        {signature.preamble ? "id.timestamp.body (Standard Webhooks)" : "the body"}, in{" "}
        {signature.encoding}; compare in constant time, over the bytes as they came.
      </p>
    </div>
  );
}

function snippetFor(preset: string): string {
  return `// npm install posthorn-verify
import { verifyWebhook } from "posthorn-verify";

export async function POST(request) {
  const event = await verifyWebhook(
    await request.arrayBuffer(), // the bytes as they came
    request.headers,
    process.env.WEBHOOK_KEY, // the signing key above
    { preset: "${preset}" },
  ); // throws where the signature does not fit
  console.log(event.id, event.type, event.payload);
  return new Response("ok");
}
`;
}
