// Event types and keys in the dashboard.
import { beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import type { Page } from "playwright-core";

import { caller, until, type Call } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { useService } from "../helpers/dashboard.ts";

const stand = useService();
let post: Call;
let page: Page;

beforeAll(() => {
  post = caller(stand.service);
});
beforeEach(async () => {
  page = await stand.open("/");
});

const button = (name: string) => page.getByRole("button", { name, exact: true });

test("a type is made with its schema judged while it is typed, and by the service", async () => {
  await page.getByRole("link", { name: "Event types" }).click();
  await page.getByRole("link", { name: "New event type" }).click();
  await page.getByLabel("Name").fill("invoice.paid");
  const schema = page.getByLabel("Schema of the payload");
  await schema.fill('{\n  "type": "object",,\n}');
  await page.getByText(/No JSON yet: .*line 2, column 20/).waitFor();
  expect(await button("Create").isDisabled()).toBe(true);
  await schema.fill('{ "type": "objekt" }');
  await page.getByText('has the type "objekt"').waitFor();
  await schema.fill('{ "type": "object", "required": ["total"], "minProperties": "one" }');
  await button("Create").click();
  await page.locator(".mantine-InputWrapper-error").waitFor(); // the service's own word
  await schema.fill('{ "type": "object", "required": ["total"] }');
  await page.getByLabel("Example").fill('{ "total": 12.50 }');
  await button("Create").click();
  await page.getByRole("heading", { level: 1, name: "invoice.paid" }).waitFor();
  await page.getByText("schema enforced", { exact: true }).waitFor();
  await post("events.publish", { type: "invoice.paid", payload: {} }).expect(400);
});

test("one is changed and archived", async () => {
  await post("event_types.create", { name: "order.sent", description: "old" }).expect(200);
  await goTo(page, "/event-types/order.sent");
  await button("Edit").click();
  await page.getByLabel("Description").fill("An order left the house.");
  await button("Save").click();
  await page.getByText("An order left the house.").first().waitFor();
  await page.getByText(/^Version 2, /).waitFor();
  await page.getByText(/^Version 1, /).click();
  await page.getByText("old", { exact: true }).waitFor();
  await button("Archive").click();
  await page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
  await page.getByRole("heading", { level: 1, name: "Event types" }).waitFor();
  expect(await page.getByRole("link", { name: "order.sent" }).count()).toBe(0);
});

test("a key is made, shown once, works, and is revoked", async () => {
  await page.getByRole("link", { name: "Keys" }).click();
  await button("New key").first().click();
  await page.getByLabel("Name").fill("back end");
  await page.getByLabel("Scope").last().selectOption("read");
  await button("Create").click();
  const key = await page.locator(".secret code").innerText();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "The new key" }).waitFor();
  await caller({ ...stand.service, adminKey: key })("webhooks.list").expect(200);
  await button("I have stored it").click();
  await until(
    () => page.content(),
    (html) => !html.includes(key),
  );
  const row = page.getByRole("row").filter({ hasText: "back end" });
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await row.getByText("revoked").waitFor();
  await caller({ ...stand.service, adminKey: key })("webhooks.list").expect(401);
});

test.each([
  ["admin", "webhooks.list", 200],
  ["metrics", "webhooks.list", 403],
])("a key of the scope %s, which has no tenant, is made", async (scope, operation, status) => {
  await page.getByRole("link", { name: "Keys" }).click();
  await button("New key").first().click();
  await page.getByLabel("Name").fill(`of ${scope}`);
  await page.getByLabel("Scope").last().selectOption(scope);
  await button("Create").click();
  const key = await page.locator(".secret code").innerText();
  await button("I have stored it").click();
  await caller({ ...stand.service, adminKey: key })(operation).expect(status);
});

test("an admin without a tenant sees the trouble of all, and goes to one by its name", async () => {
  const acme = caller(stand.service, { "X-Tenant": "acme" });
  await acme("webhooks.subscribe", { url: "http://127.0.0.1:9/", name: "Held", paused: true });
  await page.reload();
  const row = page.getByRole("listitem").filter({ hasText: "Held" });
  await row.getByText("of acme").waitFor();
  await row.getByRole("link", { name: "Held" }).click();
  await page.getByRole("heading", { level: 1, name: "Held" }).waitFor();
  expect(page.url()).toMatch(/#\/@acme\/webhooks\//);
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("region", { name: "tenants" }).getByRole("link", { name: "acme" }).waitFor();
  await page.getByRole("button", { name: /^Tenant.acme/ }).click();
  await page.getByRole("dialog").getByLabel("Tenant").fill("other");
  await page.keyboard.press("Enter");
  await page.getByText("No webhook is in trouble").waitFor();
  expect(page.url()).toMatch(/#\/@other\/$/);
});

test("an admin sees the webhooks, events, deliveries and types of all tenants at once, each a link into its own", async () => {
  const post = (tenant: string) => caller(stand.service, { "X-Tenant": tenant });
  for (const tenant of ["north", "south"]) {
    await post(tenant)("webhooks.subscribe", { url: "http://127.0.0.1:9/", name: `Of ${tenant}` });
    await post(tenant)("events.publish", { type: "message.created", payload: 1 }).expect(200);
  }
  await page.getByRole("button", { name: /^Tenant/ }).click();
  await button("All tenants").click();
  for (const title of ["In trouble, of all tenants", "Last 24 hours of all tenants"])
    await page.getByRole("heading", { name: title, exact: true }).waitFor();
  const rowOf = (tenant: string) => page.getByRole("row").filter({ hasText: tenant }).first();
  for (const view of ["Webhooks", "Events", "Deliveries"]) {
    await page.getByRole("navigation").getByRole("link", { name: view }).click();
    await page.getByRole("heading", { level: 1, name: view }).waitFor();
    await rowOf("north").waitFor();
    await rowOf("south").waitFor();
    expect(page.url()).toContain(`#/@*/${view.toLowerCase()}`);
  }
  expect(await page.getByRole("link", { name: /New|Replays|Keys/ }).count()).toBe(0);
  await page.getByRole("navigation").getByRole("link", { name: "Event types" }).click();
  await rowOf("message.created").waitFor(); // what all tenants share
  expect(await page.getByRole("row").filter({ hasText: "order.sent" }).count()).toBe(0);
  expect(page.url()).toContain("#/@*/event-types");
  await page.getByRole("navigation").getByRole("link", { name: "Deliveries" }).click();
  await rowOf("south").getByRole("link").click();
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  expect(page.url()).toContain("#/@south/deliveries/dlv_");
});

test("of more types than one page holds, the last one is offered to a webhook, and is shown", async () => {
  const admin = caller(stand.service, { "X-Tenant": "many" });
  const sql = new pg.Client({ connectionString: stand.service.databaseUrl });
  await sql.connect();
  await sql.query(
    `insert into posthorn.event_types (tenant, name, created_at, updated_at)
     select 'many', 'many.type' || lpad(n::text, 4, '0'), now(), now() from generate_series(1, 450) as n`,
  );
  await sql.end();
  expect((await admin("event_types.list", { page_size: 200 })).body.data).toHaveLength(200);
  await goTo(page, "/@many/new-webhook");
  await page.getByRole("combobox", { name: "Events" }).fill("type0450");
  await page.getByRole("option", { name: "many.type0450" }).waitFor();
  await goTo(page, "/@many/event-types/many.type0450");
  await page.getByText("It has no schema.").waitFor();
});
