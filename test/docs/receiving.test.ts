// docs/receiving.md explains every header that is sent, every preset's policy, and every word of `reason` and `waiting_for`.
import { readFileSync } from "node:fs";

import { expect, test } from "@jest/globals";

import { delivery } from "../../src/deliveries/schema.ts";
import { CANCEL_REASONS, FAILURE_REASONS } from "../../src/kernel/reasons.ts";
import { buildRequest } from "../../src/presets/build.ts";
import { customPreset } from "../../src/presets/custom.ts";
import { PRESETS } from "../../src/presets/index.ts";

const page = readFileSync(new URL("../../docs/receiving.md", import.meta.url), "utf8");

/** The first cells of the table whose heading begins with `heading`. */
function firstCells(heading: string): string[] {
  const [, after = ""] = page.split(new RegExp(`^\\| ${heading} +\\|.*\n\\|[-| ]+\\|\n`, "m"));
  const rows = after.split("\n");
  const end = rows.findIndex((row) => !row.startsWith("|"));
  return rows.slice(0, end).map((row) => row.split("|")[1]?.trim() ?? "");
}
const words = (cells: string[]) =>
  cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word));

test("every reason, and nothing else, has a row", () => {
  const all = [...FAILURE_REASONS, ...CANCEL_REASONS];
  expect(words(firstCells("reason")).sort()).toEqual([...all].sort());
});

test("every word that a delivery waits for, and nothing else, has a row", () => {
  const { options } = delivery.shape.waiting_for.unwrap();
  expect(words(firstCells("waiting_for")).sort()).toEqual([...options, "null"].sort());
});

test("every header that a preset sends, but for signatures, has a row", () => {
  const named = words(firstCells("header"));
  for (const preset of Object.values(PRESETS)) {
    const { headers } = buildRequest(
      preset,
      { id: "evt_1", type: "a.b", timestamp: new Date(0), payload: "1" },
      {
        keys: [preset.generateKey((size) => new Uint8Array(size))],
        attempt: 1,
        sentAt: new Date(0),
        sequence: 1,
      },
    );
    const sent = Object.keys(headers).filter((name) => name !== preset.signatureHeader);
    expect(sent.filter((name) => !named.includes(name))).toEqual([]);
  }
  expect(named).toContain("traceparent");
});

test("every preset's waits, timeout and rule of URLs are those of its row", () => {
  const custom = customPreset({ signature_header: "X-Signature" });
  for (const preset of [...Object.values(PRESETS), { ...custom, name: "custom" }]) {
    const row = new RegExp(
      `^\\| \`${preset.name}\` +\\| (.*?) +\\| (\\d+) s +\\| (.*?) +\\|$`,
      "m",
    ).exec(page);
    const [, waits = "", timeout, schemes] = row ?? [];
    const [, other] = /^as `(.*)`$/.exec(waits) ?? [];
    const scheduleS = other
      ? PRESETS[other as keyof typeof PRESETS].retryScheduleS
      : waits.split(", ").map(Number);
    expect([preset.name, scheduleS]).toEqual([preset.name, preset.retryScheduleS]);
    expect(Number(timeout) * 1_000).toBe(preset.timeoutMs);
    expect(schemes).toBe(preset.httpsOnly ? "https" : "http, https");
  }
});
