// An attempt as a command that sends the same again.
import type { Output } from "../api/operations.ts";

export type Attempt = Output<"deliveries.info">["attempts"][number];

/** The command for a shell; the signature and secret headers stay masked, as they were answered. */
export function curlOf({ url, request_headers, request_body }: Attempt): string {
  const words = [`curl ${quoted(url)}`];
  for (const [name, value] of Object.entries(request_headers))
    words.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (request_body !== null) words.push(`--data-binary ${quoted(request_body)}`);
  return words.join(" \\\n  ");
}

// Between single quotes a shell changes nothing.
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
