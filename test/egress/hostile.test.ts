import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, test } from "@jest/globals";

import { closing } from "../helpers/egress.ts";
import { ANSWERING, startReceiver, startRecorder, UNANSWERING } from "../helpers/receivers.ts";

const HOSTILE = 100;
const GROWTH_MAX = 150_000_000; // bytes
const SLOW_MS = 2_000; // of a healthy receiver: 0.3 s were seen, for the flooding ones share this machine's processors with it
const CHILD = fileURLToPath(new URL("../helpers/egress-child.ts", import.meta.url));

type Seen = {
  grownBytes: number;
  kinds: string[];
  count: number;
  healthyFailed: number;
  slowestMs: number;
};

test("a hundred hostile receivers at once cost less than 150 MB, and a healthy one feels nothing of them", async () => {
  const zoo = [...Object.values(ANSWERING), ...Object.values(UNANSWERING)];
  const receivers = await Promise.all(zoo.map(({ behave }) => startReceiver(behave)));
  const healthy = closing(await startRecorder());
  receivers.forEach(closing);
  const hostile = Array.from({ length: HOSTILE }, (_, i) => receivers[i % zoo.length]!.url);

  const args = ["--import", "tsx", CHILD, healthy.url, ...hostile];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const seen = JSON.parse(stdout) as Seen;
  const expected = Array.from({ length: HOSTILE }, (_, i) =>
    i % zoo.length < Object.keys(ANSWERING).length ? "answered" : "failed",
  );
  expect(seen.kinds).toEqual(expected);
  expect(seen.grownBytes).toBeLessThan(GROWTH_MAX);
  expect(seen.healthyFailed).toBe(0);
  expect(seen.count).toBeGreaterThan(10);
  expect(seen.slowestMs).toBeLessThan(SLOW_MS);
});
