// `npm run screenshots`: pictures of each view of the dashboard, light and dark, and of what commands print, into docs/images/, of
// a service that has really sent what is shown.
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Page } from "playwright-core";

import { goTo, look, signIn, startBrowser } from "../test/helpers/browser.ts";
import { setScene, type Scene } from "../test/helpers/scene.ts";
import { typed } from "../test/helpers/terminal.ts";
import { SECRETS_KEY, startTestService } from "../test/helpers/service.ts";
import { startTestServer } from "../test/helpers/test-server.ts";

const FOLDER = fileURLToPath(new URL("../docs/images/dashboard/", import.meta.url));
const TERMINAL = fileURLToPath(new URL("../docs/images/terminal/", import.meta.url));
const SIZE = { width: 1180, height: 720 };

const ORDER = {
  description: "An order was made, and is to be paid.",
  schema: { type: "object", required: ["order"], properties: { order: { type: "string" } } },
  example: { order: "order-4101" },
};

type Shot = { name: string; address: string; prepare?: (page: Page) => Promise<unknown> };

const server = await startTestServer();
process.env["POSTHORN_TEST_SERVER_URL"] = server.url;
const [service, browser] = await Promise.all([startTestService(), startBrowser()]);
const scene = await setScene(service);
try {
  const { shots, event } = await fill(scene);
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    const { page, close } = await look(browser, `${service.url}/dashboard/`, {
      colorScheme,
      viewport: SIZE,
    });
    await page.getByLabel("API key").waitFor();
    await page.screenshot({ path: `${FOLDER}sign-in-${colorScheme}.png` });
    await signIn(page, service.adminKey);
    for (const { name, address, prepare } of shots) {
      await goTo(page, `/@${scene.tenant}${address}`);
      await page.locator("main [aria-busy]").first().waitFor({ state: "detached" });
      await page.waitForLoadState("networkidle");
      await prepare?.(page);
      await page.screenshot({ path: `${FOLDER}${name}-${colorScheme}.png` });
      process.stdout.write(`${name}, ${colorScheme}\n`);
    }
    await close();
  }
  rmSync(TERMINAL, { recursive: true, force: true });
  mkdirSync(TERMINAL, { recursive: true });
  await still("doctor", ["doctor", "--url", scene.crm.url]);
  await still("why", ["why", event]);
} finally {
  await browser.close();
  await service.stop();
  await scene.close();
  await server.stop();
}

/** What a command prints beside that service. */
async function still(name: string, args: string[]): Promise<void> {
  const env = {
    DATABASE_URL: service.databaseUrl,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
    POSTHORN_URL: service.url,
    POSTHORN_KEY: scene.readKey,
  };
  const { out } = await typed(args, { env });
  const page = await browser.newPage({ viewport: { width: SIZE.width, height: 100 } });
  const text = `$ posthorn ${args.join(" ")}\n${out}`;
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  await page.setContent(
    `<body style="margin: 0; background: #1b1f27"><pre style="margin: 0; padding: 20px; color: #d7dce5; font: 14px/1.5 monospace; white-space: pre-wrap">${escaped}</pre></body>`,
  );
  await page.screenshot({ path: `${TERMINAL}${name}.png`, fullPage: true });
  await page.close();
  process.stdout.write(`${name}\n`);
}

// Orders of a morning: most arrive, some do not.
async function fill({
  publish,
  delivery,
  post,
  webhooks,
}: Scene): Promise<{ shots: Shot[]; event: string }> {
  const ids: string[] = [];
  for (let number = 4_101; number <= 4_124; number++) {
    const payload = { order: `order-${number}`, total: "49.90", currency: "EUR", items: [number] };
    const channel = number % 5 === 0 ? "+49 30 1234567" : "web-shop";
    const more = { channel, idempotency_key: `order-${number}` };
    ids.push(await publish(number % 3 === 0 ? "order.paid" : "order.created", payload, more));
  }
  const last = ids.at(-1) ?? "";
  await publish("message.created", { from: "+49 30 7654321", text: "Is my order on its way?" });
  const dead = await delivery(last, webhooks.billing, "dead");
  await delivery(last, webhooks.crm, "delivered");
  const held = await delivery(last, webhooks.archive, "pending");
  const started = await post("webhooks.retry_dead", { id: webhooks.billing });
  const replay = started.body as { replay_id: string };
  await post("event_types.update", { name: "order.created", ...ORDER });
  const shots = [
    { name: "overview", address: "/" },
    { name: "webhooks", address: "/webhooks" },
    { name: "webhook", address: `/webhooks/${webhooks.billing}` },
    { name: "events", address: "/events?type=order.*" },
    { name: "event", address: `/events/${last}` },
    { name: "deliveries", address: "/deliveries" },
    { name: "delivery", address: `/deliveries/${dead.id}` },
    { name: "delivery-held", address: `/deliveries/${held.id}` },
    { name: "replays", address: "/replays" },
    { name: "replay", address: `/replays/${replay.replay_id}` },
    {
      name: "replay-start",
      address: `/deliveries?webhook_id=${webhooks.crm}`,
      prepare: async (page: Page) => {
        await page.getByRole("button", { name: "Replay", exact: true }).click();
        await page.getByLabel("Those whose newest delivery is").selectOption("delivered");
        await page
          .getByRole("dialog")
          .getByText(/^\d+ events?$/)
          .waitFor();
      },
    },
    { name: "event-types", address: "/event-types" },
    { name: "event-type", address: "/event-types/order.created" },
    { name: "keys", address: "/keys" },
    { name: "find", address: "/find?q=order" },
  ];
  return { shots, event: last };
}
