// Much at once: each counts first, names the number, and shows how far it is.
import { expect, test } from "@jest/globals";
import type { Page } from "playwright-core";

import { useDashboard } from "../helpers/dashboard.ts";
import type { Scene } from "../helpers/scene.ts";

const stand = useDashboard();
const { open } = stand;

const of = (webhook: keyof Scene["webhooks"]) =>
  open(`/deliveries?webhook_id=${stand.scene.webhooks[webhook]}`);
const killOrders = async (count: number) => {
  const ids = await Promise.all(
    Array.from({ length: count }, (_, id) => stand.scene.publish("order.paid", { id })),
  );
  for (const id of ids) await stand.scene.delivery(id, stand.scene.webhooks.billing, "dead");
};
const fact = (page: Page, name: string) =>
  page
    .locator(".facts > div")
    .filter({ has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) })
    .locator("dd")
    .innerText();

test("all that is dead of a webhook is counted, sent again, and at an address that survives a reload told to its end", async () => {
  await killOrders(3);
  const page = await of("billing");
  await page.getByRole("button", { name: "Retry all dead" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("3 dead events").waitFor();
  await dialog.getByRole("button", { name: "Retry all dead" }).dblclick();
  await page.getByRole("progressbar", { name: "Sent again and ended" }).waitFor();
  const address = page.url();
  expect(address).toMatch(/#\/replays\/rpl_/);
  await page.reload();
  await page.getByText("Through: 3 events sent again").waitFor();
  expect(page.url()).toBe(address);
  expect(
    await Promise.all(["Sent again", "Delivered", "Dead"].map((each) => fact(page, each))),
  ).toEqual(["3", "0", "3"]);
  const { body } = await stand.scene.post("replays.list", {
    webhook_id: stand.scene.webhooks.billing,
  });
  expect(body.data).toHaveLength(1);
});

test("a replay counts what its span holds, and stops when told, saying what was left", async () => {
  await killOrders(1);
  await stand.scene
    .post("webhooks.update", { id: stand.scene.webhooks.billing, paused: true })
    .expect(200);
  const page = await of("billing");
  await page.getByRole("button", { name: "Replay", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Send events again" });
  await dialog.getByText(/^[1-9] events?$/).waitFor();
  await dialog.getByLabel("Those whose newest delivery is").selectOption("delivered");
  await dialog.getByText("There is none.").waitFor();
  expect(await dialog.getByRole("button", { name: "Replay" }).isDisabled()).toBe(true);
  await dialog.getByLabel("Those whose newest delivery is").selectOption("dead");
  await dialog.getByRole("button", { name: "Replay" }).click();
  await page.getByText(/^0 of \d+ events? through$/).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop" }).click();
  await page.getByText(/^Stopped: /).waitFor();
  await page.getByText(/^It was stopped before it came to \d+ events?\.$/).waitFor();
  expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(0);
  await page.getByRole("link", { name: "Replays" }).click();
  await page.getByRole("row").filter({ hasText: "Dead, " }).getByText("cancelled").waitFor();
  await stand.scene
    .post("webhooks.update", { id: stand.scene.webhooks.billing, paused: false })
    .expect(200);
});

test("at its end a replay says what was left out, and why", async () => {
  const { post, webhooks } = stand.scene;
  const ids = [
    await stand.scene.publish("order.created", 1),
    await stand.scene.publish("order.created", 2),
  ];
  for (const id of ids) await stand.scene.delivery(id, webhooks.crm, "delivered");
  await post("webhooks.update", { id: webhooks.crm, paused: true }).expect(200);
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const { body } = await post("webhooks.replay", { id: webhooks.crm, since }).expect(200);
  await post("events.erase", { id: ids[0] }).expect(200);
  await post("webhooks.update", { id: webhooks.crm, paused: false }).expect(200);
  const page = await open(`/replays/${body.replay_id}`);
  await page.getByText(/^Through: \d+ events? sent again$/).waitFor();
  await page
    .getByText("Left out: 1 without a payload, which was erased or is past its retention.")
    .waitFor();
});

test("above a thousand the number has to be typed", async () => {
  const { body } = await stand.scene.post("webhooks.subscribe", {
    name: "Held",
    url: stand.scene.crm.url,
    events: ["message.*"],
    paused: true,
  });
  await stand.scene.publishMany("message.created", 1_001);
  const page = await open(`/deliveries?webhook_id=${body.id}`);
  await page.getByRole("button", { name: "Cancel pending" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1,001 pending deliveries").waitFor();
  const button = dialog.getByRole("button", { name: "Cancel pending" });
  expect(await button.isDisabled()).toBe(true);
  await dialog.getByLabel("Type 1,001 to go on").fill("1001");
  await button.click();
  await page.getByText("1,001 deliveries cancelled").waitFor();
});

test("a key that may only read is offered none of it", async () => {
  const page = await open(`/deliveries?webhook_id=${stand.scene.webhooks.crm}`, {
    key: stand.scene.readKey,
  });
  await page.getByRole("link", { name: "Replays" }).waitFor();
  expect(await page.getByRole("button", { name: /dead|pending|Replay/ }).count()).toBe(0);
});
