import { afterAll, beforeAll, test } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { commandArguments, snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, strictTsconfig, type Workshop } from "./workshop.ts";

const HEADING = "openapi-fetch";
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
  await workshop.npx("openapi-typescript", commandArguments(HEADING, "npx openapi-typescript"));
  await workshop.write("app.ts", snippet(HEADING, "ts"));
}, 5 * MINUTE);

afterAll(() => workshop.close());

test(
  "openapi-fetch with the types of openapi-typescript passes a strict compiler, and misuse does not",
  async () => {
    await workshop.write("misuse.ts", MISUSE);
    await workshop.write("tsconfig.json", strictTsconfig());
    await workshop.npx("tsc", ["-p", "."]);
  },
  5 * MINUTE,
);

test(
  "openapi-fetch subscribes, publishes, lists, and reads a refusal",
  async () => {
    await playStory((env) => workshop.tsx("app.ts", env));
  },
  5 * MINUTE,
);

test(
  "openapi-fetch gets along with answers of a later version",
  async () => {
    await playStoryWithNextVersion((env) => workshop.tsx("app.ts", env));
  },
  5 * MINUTE,
);

const MISUSE = `
import createClient from "openapi-fetch";
import type { paths } from "./posthorn.js";

const { POST } = createClient<paths>();
export const all = await POST("/webhooks.list", { body: {} });
// @ts-expect-error there is no such operation
await POST("/webhooks.subscribes", { body: { url: "https://example.com" } });
// @ts-expect-error the URL is missing
await POST("/webhooks.subscribe", { body: { name: "no url" } });
// @ts-expect-error there is no such preset
await POST("/webhooks.subscribe", { body: { url: "https://example.com", preset: "air" } });
// A later version may have this code, and this preset.
export const isGone = all.error?.code === "gone" || all.data?.data[0]?.preset === "later";
const { data: retried } = await POST("/deliveries.retry", { body: { id: "dlv_0" } });
export const made: number | undefined = retried?.attempts_made;
const { data: info } = await POST("/deliveries.info", { body: { id: "dlv_0" } });
export const type: string | undefined = info?.attempts[0]?.response_headers["content-type"];
`;
