// The events, one of them, and what a text in the search box stands for.
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Page } from "playwright-core";

import { until } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { useDashboard } from "../helpers/dashboard.ts";
import { query } from "../helpers/embedded.ts";
import { HOSTILE } from "../helpers/scene.ts";

const stand = useDashboard();
const { open } = stand;
let order: string;
let unmatched: string;

beforeAll(async () => {
  const { scene } = stand;
  const more = { channel: HOSTILE, idempotency_key: "order-1" };
  const big = Array.from({ length: 3_000 }, (_, index) => index);
  order = await scene.publish("order.created", { note: HOSTILE, big }, more);
  unmatched = await scene.publish("message.created", { id: "NEEDLE" });
  await scene.delivery(order, scene.webhooks.billing, "dead");
});

const rows = (page: Page) => page.getByRole("row").filter({ has: page.getByRole("link") });
const type = async (page: Page, label: string, text: string) => {
  await page.getByLabel(label).fill(text);
  await page.keyboard.press("Enter");
};

describe("the list", () => {
  test("filters by type, idempotency key, and what no webhook took in, all in the address", async () => {
    const page = await open("/events");
    await rows(page).nth(1).waitFor();
    await page.getByLabel("Matched none").check();
    await page.getByText("order.created").waitFor({ state: "detached" });
    await rows(page).filter({ hasText: unmatched }).waitFor();
    await page.getByLabel("Matched none").uncheck();
    await type(page, "Idempotency key", "order-1");
    await page.getByText("message.created").waitFor({ state: "detached" });
    await rows(page).first().waitFor();
    expect(await rows(page).allInnerTexts()).toEqual([expect.stringContaining(order)]);
    expect(page.url()).toContain("#/events?idempotency_key=order-1");
    await type(page, "Type", "message.*");
    await page.getByText("No events match these filters").waitFor();
  });

  test("finds a text in the payloads of the last day, which it says in its field", async () => {
    const page = await open("/events");
    // A clock that is never the same twice: a day has to be one all the same.
    await page.evaluate(() => {
      const real = Date.now.bind(Date);
      let looks = 0;
      Date.now = () => real() + looks++;
    });
    await type(page, "Text in the payload", "NEEDLE");
    await page.getByText("order.created").waitFor({ state: "detached" });
    // A busy database may find nothing in the time that a page has; then it is for the reader to go on.
    const further = page.getByRole("button", { name: "Search further back" });
    await until(
      async () => {
        if (await further.isEnabled({ timeout: 100 }).catch(() => false))
          await further.click({ timeout: 1_000 }).catch(() => undefined);
        return rows(page).count();
      },
      (count) => count > 0,
    );
    expect(await rows(page).allInnerTexts()).toEqual([expect.stringContaining(unmatched)]);
    expect(await page.getByLabel("Since").inputValue()).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});

describe("one event", () => {
  test("says for each webhook what became of it there, and for each other one why it did not go there", async () => {
    const page = await open(`/events/${order}`);
    const went = page.getByRole("region", { name: "deliveries", exact: true });
    await went.getByText("CRM").waitFor();
    const billing = went.getByRole("row").filter({ hasText: "Billing" });
    expect(await billing.innerText()).toMatch(/dead.*500.*2/s);
    const without = page.getByRole("region", { name: "webhooks that did not get it" });
    const textOf = (name: string) => without.getByRole("row").filter({ hasText: name }).innerText();
    expect(await textOf("Branch office")).toContain("Takes in other channels");
    expect(await textOf("Archive")).toMatch(/Held: paused.*in \d+ days?/s);
    await billing.getByRole("link").click();
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
  });

  test("shows its payload to 2,000 lines, the rest when asked, and its hostile texts as text", async () => {
    const page = await open(`/events/${order}`);
    const payload = page.getByRole("region", { name: "the payload" });
    await payload.waitFor();
    const lines = async () => (await payload.innerText()).trimEnd().split("\n").length;
    expect(await lines()).toBe(2_000);
    expect(await payload.innerText()).toContain("<script>");
    expect(await page.getByText("⟨202E⟩").count()).toBeGreaterThan(1);
    await page.getByRole("button", { name: /Show the rest/ }).click();
    expect(await lines()).toBe(3_005);
    expect(await page.title()).not.toBe("owned");
  });

  test("keeps each digit of a number that no double holds", async () => {
    const raw = `{"id":9007199254740993,"amount":1.10,"more":1e400}`;
    const [row] = await query(
      stand.service.databaseUrl,
      `select posthorn.publish('message.created', '${raw}'::text, tenant => '${stand.scene.tenant}') as id`,
    );
    const page = await open(`/events/${String(row?.["id"])}`);
    const payload = await page.getByRole("region", { name: "the payload" }).innerText();
    expect(payload.replace(/\s/g, "")).toBe(raw);
  });

  test("is erased when asked twice, and then says so", async () => {
    const id = await stand.scene.publish("message.created", { secret: 1 });
    const page = await open(`/events/${id}`);
    await page.getByRole("button", { name: "Erase" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await page.getByText("The payload is gone").waitFor();
    expect(await page.getByRole("button", { name: "Erase" }).isDisabled()).toBe(true);
    await goTo(page, "/events");
    await rows(page).first().waitFor();
  });
});

describe("finding", () => {
  test("by an id goes there at once, and the way back is the view before", async () => {
    const page = await open("/webhooks");
    await page.keyboard.press("/");
    await page.keyboard.type(order);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Payload" }).waitFor();
    expect(page.url()).toContain(`#/events/${order}`);
    await page.goBack();
    await page.getByRole("heading", { name: "Webhooks" }).waitFor();
  });

  test("by a name lists what is called so, each a link, at an address of its own", async () => {
    const page = await open("/find?q=order");
    await page.getByText("Event type", { exact: true }).first().waitFor();
    expect(await rows(page).count()).toBeGreaterThan(1);
    await goTo(page, `/find?q=${encodeURIComponent(stand.scene.webhooks.crm.slice(0, 8))}`);
    await rows(page).filter({ hasText: "CRM" }).waitFor();
    const href = await rows(page).first().getByRole("link").getAttribute("href");
    expect(href).toBe(`#/webhooks/${stand.scene.webhooks.crm}`);
    await goTo(page, `/find?q=${encodeURIComponent(HOSTILE)}x`);
    await page.getByText("Nothing is called so").waitFor();
  });

  test("by an idempotency key leads to its event", async () => {
    const page = await open("/find?q=order-1");
    await rows(page).first().getByRole("link").click();
    await page.getByRole("heading", { name: "Payload" }).waitFor();
    expect(page.url()).toContain(order);
  });
});
