import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "@jest/globals";
import { build } from "esbuild";

import { buildRequest } from "../../src/presets/build.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { EVENT, ROWS } from "../presets/cases.ts";

type Receive = (rawBody: Uint8Array, headers: Headers, key: string) => Promise<unknown>;

const page = readFileSync(new URL("../../docs/signatures.md", import.meta.url), "utf8");
const VERIFY = fileURLToPath(new URL("../../src/verify/index.ts", import.meta.url));

// What follows a Python snippet: it answers on stdout whether the request on stdin was accepted.
const JUDGE = `
import sys
request = json.load(sys.stdin)
try:
    receive(request["body"].encode(), request["headers"], request["key"])
    print("accepted")
except ValueError as error:
    print(f"refused: {error}")
`;

describe.each(ROWS)("docs/signatures.md on $name", ({ name, key }) => {
  const preset = PRESETS[name];
  const attempt = { keys: [key], attempt: 1, sentAt: new Date() };
  const genuine = buildRequest(preset, EVENT, attempt);
  const tampered = { ...genuine, body: Buffer.from(`${genuine.body.toString()} `) };
  const { [preset.signatureHeader]: _, ...unsignedHeaders } = genuine.headers;
  const unsigned = { ...genuine, headers: unsignedHeaders };
  const stale = buildRequest(preset, EVENT, {
    ...attempt,
    sentAt: new Date(attempt.sentAt.getTime() - 301_000),
  });
  const forged =
    preset.signature.preamble === null ? [tampered, unsigned] : [tampered, unsigned, stale];

  test("the TypeScript snippet accepts the genuine and refuses the rest", async () => {
    const receive = await compiled(snippet(name, "ts"));
    await receive(genuine.body, new Headers(genuine.headers), key);
    for (const { body, headers } of forged) {
      await expect(receive(body, new Headers(headers), key)).rejects.toThrow();
    }
  });

  test("the Python snippet accepts the genuine and refuses the rest", () => {
    const judged = [genuine, ...forged].map(({ body, headers }) =>
      python(snippet(name, "python") + JUDGE, { body: body.toString(), headers, key }),
    );
    expect(judged).toEqual([
      "accepted",
      "refused: signature mismatch",
      "refused: signature mismatch",
      ...forged.slice(2).map(() => "refused: too old, or a clock is off"),
    ]);
  });
});

test("docs/signatures.md explains every code of SignatureVerificationError", () => {
  const source = readFileSync(new URL("../../src/verify/errors.ts", import.meta.url), "utf8");
  const codes = [...source.matchAll(/\| "([a-z_]+)"/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(5);
  for (const code of codes) expect(page).toContain(`| \`${code}\``);
});

function snippet(name: string, language: string): string {
  const section = page.split(`\n### ${name}\n`)[1]?.split("\n### ")[0] ?? "";
  const code = section.split(`\`\`\`${language}\n`)[1]?.split("```")[0];
  if (code === undefined) throw new Error(`docs/signatures.md has no ${language} for ${name}`);
  return code;
}

async function compiled(code: string): Promise<Receive> {
  const { outputFiles } = await build({
    stdin: { contents: code, loader: "ts" },
    alias: { "posthorn/verify": VERIFY },
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  const url = `data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? "")}`;
  return ((await import(url)) as { receive: Receive }).receive;
}

function python(code: string, request: object): string {
  const { stdout, stderr, error } = spawnSync("python3", ["-c", code], {
    input: JSON.stringify(request),
    encoding: "utf8",
    env: { ...process.env, PYTHONIOENCODING: "utf-8" },
  });
  if (error !== undefined || stderr !== "") throw error ?? new Error(stderr);
  return stdout.trim();
}
