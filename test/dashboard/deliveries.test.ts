// The deliveries, and one of them: did it arrive, and if not what came back.
import { spawnSync } from "node:child_process";

import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Page } from "playwright-core";

import { until } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { useDashboard } from "../helpers/dashboard.ts";

const stand = useDashboard();
const { open } = stand;
let order: string;
let dead: string;
let delivered: string;

beforeAll(async () => {
  const { scene } = stand;
  order = await scene.publish("order.created", { id: 1, total: "9007199254740993" });
  dead = (await scene.delivery(order, scene.webhooks.billing, "dead")).id;
  delivered = (await scene.delivery(order, scene.webhooks.crm, "delivered")).id;
  await until(
    async () =>
      (await scene.post("deliveries.list", { webhook_id: scene.webhooks.warehouse })).body.data,
    ([first]) => first.attempts_made === 1,
  );
});

const rowOf = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });
const sent = (path: string) => stand.scene.crm.requests.filter((each) => each.path === path).length;

describe("the list", () => {
  test("says by the row alone whether it arrived, what came back, how often it was tried, and what comes next", async () => {
    const page = await open("/deliveries");
    const textOf = (name: string) => rowOf(page, name).innerText();
    expect(await textOf("CRM")).toMatch(/order\.created.*delivered.*200.*ms.*1/s);
    expect(await textOf("Billing")).toMatch(/dead.*500.*2/s);
    expect(await textOf("Warehouse")).toMatch(/pending.*500.*1.*in (5\d min|1 hr)/s);
    expect(await textOf("Archive")).toMatch(/pending.*Held: paused/s);
  });

  test("keeps its filters in the address, several statuses among them, and a reload keeps them", async () => {
    const page = await open("/deliveries");
    await page.getByLabel("dead", { exact: true }).check();
    await page.getByLabel("pending", { exact: true }).check();
    await page.getByLabel("Type").fill("order.*");
    await page.keyboard.press("Enter");
    await rowOf(page, "CRM").waitFor({ state: "detached" });
    await rowOf(page, "Billing").waitFor();
    expect(await page.getByRole("row").count()).toBe(4);
    expect(decodeURIComponent(page.url())).toMatch(/#\/deliveries\?status=pending,dead&type=order/);
    await page.reload();
    await rowOf(page, "Billing").waitFor();
    expect(await page.getByRole("row").count()).toBe(4);
  });

  test("finds by the webhook’s name and its sequence number which event that was", async () => {
    const page = await open("/deliveries");
    await page.getByLabel("Webhook", { exact: true }).fill("Billing");
    await page.locator("datalist option").first().waitFor({ state: "attached" });
    await page.keyboard.press("Enter");
    await page.getByLabel("Number").fill("1");
    await page.keyboard.press("Enter");
    await rowOf(page, "CRM").waitFor({ state: "detached" });
    await rowOf(page, "Billing").waitFor();
    expect(await page.getByRole("row").count()).toBe(2);
    expect(page.url()).toContain(`webhook_id=${stand.scene.webhooks.billing}&sequence=1`);
  });

  test("tells what is wrong with a filter at its field, and clears what matches nothing", async () => {
    const page = await open("/deliveries?response_status=7");
    await page.getByText("a status like 404, or a class like 5xx").first().waitFor();
    await page.getByLabel("Response").fill("404");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Clear filters" }).click();
    await rowOf(page, "CRM").waitFor();
  });
});

describe("one delivery", () => {
  test("shows what was sent and what came back of each attempt, exact, and proved by its hash", async () => {
    const page = await open(`/deliveries/${dead}`);
    const request = page.getByRole("region", { name: "Request", exact: true });
    await request.getByText("As sent").waitFor();
    expect(await request.getByRole("region", { name: "the request’s body" }).innerText()).toContain(
      '"9007199254740993"',
    );
    const response = page.getByRole("region", { name: "Response", exact: true });
    expect(await response.innerText()).toMatch(/Answered 500.*<script>.*⟨202E⟩/s);
    expect(await response.innerText()).not.toContain("8f1c2");
    await response.getByRole("button", { name: "Reveal" }).click();
    expect(await response.innerText()).toContain("8f1c2");
    await page.getByRole("link", { name: "Attempt 1" }).click();
    await page.getByRole("heading", { name: "Attempt 1" }).waitFor();
    expect(page.url()).toContain("?attempt=1");
    const timeline = await page.getByRole("list", { name: "Timeline" }).innerText();
    expect(timeline).toMatch(/Published.*Attempt 1.*500.*Attempt 2.*500.*Dead: refused by its/s);
    expect(await page.title()).toBe("order.created to Billing · Posthorn");
  });

  test("says of what waits which attempt comes when, and of what is held until when it is kept", async () => {
    const waiting = await stand.scene.delivery(order, stand.scene.webhooks.warehouse, "pending");
    const held = await stand.scene.delivery(order, stand.scene.webhooks.archive, "pending");
    const page = await open(`/deliveries/${waiting.id}`);
    await page.getByText(/Attempt 2 in (5\d min|1 hr)/).waitFor();
    await goTo(page, `/deliveries/${held.id}`);
    await page.getByText(/Held: its webhook is paused since .*is dropped in \d+ day/).waitFor();
    const button = page.getByRole("button", { name: "Send now" });
    expect(await button.isDisabled()).toBe(true);
    await page.getByText("Held: its webhook is paused", { exact: true }).waitFor();
  });

  test("copies as a command that sends the same body, its signature masked", async () => {
    const page = await open(`/deliveries/${delivered}`);
    await page.evaluate(
      `navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }`,
    );
    await page.getByRole("button", { name: "Copy as curl" }).click();
    await page.getByText("Copied the request as curl").waitFor();
    const command = String(await page.evaluate("copied"));
    const { stdout } = spawnSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; }; ${command}`]);
    const words = String(stdout).split("\n");
    const { body } = stand.scene.crm.requests.find(({ path }) => path === "/hooks/orders")!;
    expect(words).toContain(String(body));
    expect(words).toContain(`${stand.scene.crm.url}hooks/orders`);
    expect(command).not.toContain("very-secret");
    expect(command).toMatch(/webhook-signature: \*{8}/i);
  });

  test("that arrived is sent again only when asked twice, and leads to the new one; a double click sends once", async () => {
    const before = sent("/hooks/orders");
    const page = await open(`/deliveries/${delivered}`);
    await page.getByRole("button", { name: "Send again" }).click();
    const dialog = page.getByRole("dialog", { name: "It was delivered" });
    await dialog.getByRole("button", { name: "Send again" }).dblclick();
    await dialog.waitFor({ state: "hidden" });
    await page.getByText("Sent again: this is the new delivery").waitFor();
    expect(page.url()).not.toContain(delivered);
    await page.getByRole("heading", { name: /order\.created delivered/ }).waitFor();
    await page.getByRole("region", { name: "siblings" }).getByText("delivered").waitFor();
    expect(sent("/hooks/orders")).toBe(before + 1);
  });

  test("that is dead is sent again by one press, and a double click makes one", async () => {
    const page = await open(`/deliveries/${dead}`);
    await page.getByRole("button", { name: "Send again" }).dblclick();
    await page.getByText("Sent again: this is the new delivery").waitFor();
    const { body } = await stand.scene.post("deliveries.list", {
      event_id: order,
      webhook_id: stand.scene.webhooks.billing,
    });
    expect(body.data.map((row: { cause: string }) => row.cause)).toEqual(["retry", "publish"]);
  });

  test("that can’t be sent says why: unsubscribed, payload gone, and that it is over", async () => {
    const other = await stand.scene.publish("order.paid", { id: 2 });
    const [gone, left] = [
      await stand.scene.delivery(other, stand.scene.webhooks.crm, "delivered"),
      await stand.scene.post("webhooks.subscribe", { name: "Old app", url: stand.scene.crm.url }),
    ];
    const third = await stand.scene.publish("order.paid", { id: 3 });
    const old = await stand.scene.delivery(third, left.body.id, "delivered");
    await stand.scene.post("webhooks.unsubscribe", { id: left.body.id }).expect(200);
    await stand.scene.post("events.erase", { id: other }).expect(200);
    const page = await open(`/deliveries/${gone.id}`);
    await page.getByText("Its payload is gone", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Send again" }).isDisabled()).toBe(true);
    await goTo(page, `/deliveries/${old.id}`);
    await page.getByText("Its webhook is unsubscribed", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Send again" }).isDisabled()).toBe(true);
  });

  test("that waits can be cancelled, which asks first", async () => {
    const event = await stand.scene.publish("order.paid", { id: 4 });
    const waiting = await stand.scene.delivery(event, stand.scene.webhooks.archive, "pending");
    const page = await open(`/deliveries/${waiting.id}`);
    await page.getByRole("button", { name: "Cancel delivery" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Cancel delivery" }).click();
    await page.getByText("Cancelled: cancelled by hand. Nothing more is sent.").waitFor();
    expect(await page.getByRole("button", { name: "Cancel delivery" }).count()).toBe(0);
  });

  test("offers nothing to a key that may only read", async () => {
    const page = await open(`/deliveries/${dead}`, { key: stand.scene.readKey });
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    expect(await page.getByRole("button", { name: /Send|Cancel/ }).count()).toBe(0);
  });
});
