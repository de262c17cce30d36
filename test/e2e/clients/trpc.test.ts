import { join } from "node:path";

import { afterAll, beforeAll, test } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, ROOT, strictTsconfig, type Workshop } from "./workshop.ts";

let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
  await workshop.write("app.ts", snippet("posthorn/client", "ts"));
  const source = join(ROOT, "src/client/index.ts"); // what the package's posthorn/client is built from
  const options = { allowImportingTsExtensions: true, paths: { "posthorn/client": [source] } };
  await workshop.write("tsconfig.json", strictTsconfig(options));
});

afterAll(() => workshop.close());

test(
  "posthorn/client passes a strict compiler, and misuse does not",
  async () => {
    await workshop.write("misuse.ts", MISUSE);
    await workshop.npx("tsc", ["-p", "."]);
  },
  5 * MINUTE,
);

test(
  "posthorn/client subscribes, publishes, lists, and reads a refusal",
  () => playStory((env) => workshop.tsx("app.ts", env)),
  5 * MINUTE,
);

test(
  "posthorn/client gets along with answers of a later version",
  () => playStoryWithNextVersion((env) => workshop.tsx("app.ts", env)),
  5 * MINUTE,
);

const MISUSE = `
import { createClient } from "posthorn/client";

const posthorn = createClient({ url: "http://127.0.0.1:8080", apiKey: "key" });
export const all = await posthorn.webhooks.list.query(); // no input is {}
// @ts-expect-error reads are queries
await posthorn.webhooks.list.mutate();
// @ts-expect-error there is no such operation
await posthorn.webhooks.subscribes.mutate({ url: "https://example.com" });
// @ts-expect-error the URL is missing
await posthorn.webhooks.subscribe.mutate({ name: "no url" });
// @ts-expect-error there is no such preset
await posthorn.webhooks.subscribe.mutate({ url: "https://example.com", preset: "air" });
const retried = await posthorn.deliveries.retry.mutate({ id: "dlv_0" });
export const made: number = retried.attempts_made;
const info = await posthorn.deliveries.info.query({ id: "dlv_0" });
export const type: string | undefined = info.attempts[0]?.response_headers["content-type"];
`;
