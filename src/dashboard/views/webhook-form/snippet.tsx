// How a receiver verifies what arrives, for a webhook's preset.
import { presetOf } from "../../../presets/index.ts";
import type { Output } from "../../api/operations.ts";
import { Payload } from "../../parts/payload.tsx";

type Chosen = Pick<Output<"webhooks.info">, "preset" | "preset_settings">;

export function Snippet(webhook: Chosen) {
  const { signatureHeader, signature } = presetOf(webhook);
  return (
    <div className="preset">
      <h2>Verify what arrives</h2>
      <Payload what="the verification snippet" text={snippetFor(webhook)} />
      <p className="dim">
        Without the package: <code>{signatureHeader}</code> is{" "}
        <code>{signature.write([`<${signature.encoding}>`], "<timestamp>")}</code>, an HMAC-SHA256
        of <code>{`${signature.preamble?.("<id>", "<timestamp>") ?? ""}<body>`}</code>; compare in
        constant time, over the bytes as they came.
      </p>
    </div>
  );
}

function snippetFor({ preset, preset_settings: settings }: Chosen): string {
  const more = settings ? `, presetSettings: ${JSON.stringify(settings)}` : "";
  return `// npm install posthorn-verify
import { verifyWebhook } from "posthorn-verify";

export async function POST(request) {
  const event = await verifyWebhook(
    await request.arrayBuffer(), // the bytes as they came
    request.headers,
    process.env.WEBHOOK_KEY, // the signing key above
    { preset: "${preset}"${more} },
  ); // throws where the signature does not fit
  console.log(event.id, event.type, event.payload);
  return new Response("ok");
}
`;
}
