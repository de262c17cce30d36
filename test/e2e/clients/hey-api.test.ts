import { afterAll, beforeAll, test } from "@jest/globals";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { commandArguments, snippet } from "./page.ts";
import { playStory, playStoryWithNextVersion } from "./story.ts";
import { openWorkshop, strictTsconfig, type Workshop } from "./workshop.ts";

const HEADING = "@hey-api/openapi-ts";
// What it generates does not keep to this option, whatever the description says.
const OPTIONS = { exactOptionalPropertyTypes: false };
let workshop: Workshop;

beforeAll(async () => {
  workshop = await openWorkshop();
  await workshop.npx("openapi-ts", commandArguments(HEADING, "npx openapi-ts"));
  await workshop.write("app.ts", snippet(HEADING, "ts"));
}, 5 * MINUTE);

afterAll(() => workshop.close());

test(
  "the client of @hey-api/openapi-ts passes a strict compiler, and misuse does not",
  async () => {
    await workshop.write("misuse.ts", MISUSE);
    await workshop.write("tsconfig.json", strictTsconfig(OPTIONS));
    await workshop.npx("tsc", ["-p", "."]);
  },
  5 * MINUTE,
);

test(
  "the client of @hey-api/openapi-ts subscribes, publishes, lists, and reads a refusal",
  async () => {
    await playStory((env) => workshop.tsx("app.ts", env));
  },
  5 * MINUTE,
);

test(
  "the client of @hey-api/openapi-ts gets along with answers of a later version",
  async () => {
    await playStoryWithNextVersion((env) => workshop.tsx("app.ts", env));
  },
  5 * MINUTE,
);

const MISUSE = `
import { deliveriesInfo, deliveriesRetry, webhooksList, webhooksSubscribe } from "./posthorn/index.js";

export const all = await webhooksList({ body: {} });
// @ts-expect-error the URL is missing
await webhooksSubscribe({ body: { name: "no url" } });
// @ts-expect-error there is no such preset
await webhooksSubscribe({ body: { url: "https://example.com", preset: "air" } });
// A later version may have this code, and this preset.
export const isGone = all.error?.code === "gone" || all.data?.data[0]?.preset === "later";
const { data: retried } = await deliveriesRetry({ body: { id: "dlv_0" } });
export const made: number | undefined = retried?.attempts_made;
const { data: info } = await deliveriesInfo({ body: { id: "dlv_0" } });
export const type: string | undefined = info?.attempts[0]?.response_headers["content-type"];
`;
