// A webhook's life in the dashboard: made, tried, changed, held, given another key, ended.
import { createHmac } from "node:crypto";

import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import type { Page } from "playwright-core";

import { pauseAll, resumeAll } from "../../src/queue/sending.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { useService } from "../helpers/dashboard.ts";
import { startInbox, type Delivered, type Inbox } from "../helpers/inbox.ts";

const stand = useService({ role: "serve" });
let inbox: Inbox;
let post: Call;
let page: Page;

beforeAll(async () => {
  inbox = await startInbox();
  post = caller(stand.service);
});
beforeEach(async () => {
  inbox.reply = () => ({});
  page = await stand.open("/");
});
afterAll(() => inbox.close());

const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
const dialog = (name: string) => page.getByRole("dialog", { name });
const subscribe = async (fields: object = {}) =>
  (await post("webhooks.subscribe", { url: inbox.url, ...fields }).expect(200)).body;
const info = async (id: string) => (await post("webhooks.info", { id }).expect(200)).body;

async function open(id: string, name: string) {
  await goTo(page, `/webhooks/${id}`);
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

test("one is made for two types, its key shown once with a snippet that verifies, and tried at once", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("link", { name: "Webhooks", exact: true }).click();
  await page.getByRole("link", { name: "New webhook" }).first().click();
  await page.getByLabel("URL", { exact: true }).fill(inbox.url);
  await page.getByLabel("Name", { exact: true }).fill("CRM");
  await page.getByRole("combobox", { name: "Events" }).fill("message.cre");
  await page.getByRole("option", { name: "message.created" }).click();
  await page.getByRole("combobox", { name: "Events" }).fill("contact.upd");
  await page.getByRole("option", { name: "contact.updated" }).click();
  await page.keyboard.press("Tab");
  await page.getByLabel("What will arrive").getByText('"type":"contact.updated"').waitFor();
  await page.getByLabel("Preset").selectOption("airy");
  await page.getByLabel("What will arrive").getByText("X-Airy-Content-Signature:").waitFor();
  await button("Create").click();

  await dialog("The signing key").waitFor();
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  const key = await dialog("The signing key").locator(".secret code").innerText();
  expect(key.length).toBeGreaterThan(20);
  await button("Copy the signing key").click();
  await page.getByText("Copied the signing key").waitFor();
  expect(await page.evaluate("navigator.clipboard.readText()")).toBe(key);
  await dialog("The signing key").getByText('{ preset: "airy" }').waitFor();
  await button("I have stored it").click();

  await page.getByRole("heading", { level: 1, name: "CRM" }).waitFor();
  const { body } = await post("webhooks.list", { q: "CRM" }).expect(200);
  expect(body.data).toMatchObject([
    { url: inbox.url, events: ["message.created", "contact.updated"], has_signature_key: true },
  ]);
  inbox.reply = () => ({ status: 503, body: "<script>alert(1)</script>\u202etxt" });
  await button("Send a test").click();
  await dialog("Send a test event").getByLabel("Type").selectOption("message.created");
  await button("Send").click();
  await page.getByText("Answered 503").waitFor();
  const texts = await dialog("Send a test event").locator("pre").allInnerTexts();
  expect(texts[0]).toContain('"type":"message.created"');
  expect(texts[1]).toBe("<script>alert(1)</script>⟨202E⟩txt");
});

test("one is made in its receiver's own form, which its sample shows and its receiver verifies", async () => {
  await goTo(page, "/new-webhook");
  await page.getByLabel("URL", { exact: true }).fill(`${inbox.url}/custom`);
  await page.getByLabel("Name", { exact: true }).fill("Home-made");
  await page.getByLabel("Preset").selectOption("custom");
  await page.getByLabel("Signature header").fill("X-Hub-Signature-256");
  await page.getByLabel("Before the signature").fill("sha256=");
  await page.getByLabel("Id header").fill("X-GitHub-Delivery");
  await page.getByLabel("What will arrive").getByText("X-Hub-Signature-256: sha256=").waitFor();
  await button("Create").click();
  const key = await dialog("The signing key").locator(".secret code").innerText();
  await button("I have stored it").click();
  await page.getByRole("heading", { level: 1, name: "Home-made" }).waitFor();
  const { body } = await post("events.publish", { type: "message.created", payload: { id: 1 } });
  const isIt = (request: Delivered) => request.headers["x-github-delivery"] === body.id;
  const [sent] = await until(
    () => Promise.resolve(inbox.requests.filter(isIt)),
    (found) => found.length > 0,
  );
  const digest = createHmac("sha256", key).update(sent!.body).digest("hex");
  expect(sent!.headers["x-hub-signature-256"]).toBe(`sha256=${digest}`);
});

test("while all sending is paused every view says so, and no more once it is resumed", async () => {
  const pool = new pg.Pool({ connectionString: stand.service.databaseUrl });
  await pauseAll(pool);
  await page.reload();
  await page.getByRole("status").filter({ hasText: "All sending is paused." }).waitFor();
  await resumeAll(pool, { installation: null, adopt: false });
  await pool.end();
  await page.reload();
  await page.getByRole("navigation", { name: "Views" }).waitFor();
  await page.getByRole("heading", { level: 1 }).waitFor();
  expect(await page.getByText("All sending is paused.").count()).toBe(0);
});

test("what the service refuses is said at its field, and nothing is lost of what was typed", async () => {
  await goTo(page, "/new-webhook");
  await page.getByLabel("URL", { exact: true }).fill("ftp://example.com");
  await page.getByLabel("Name", { exact: true }).fill("N".repeat(200));
  await button("Create").click();
  const message = page.locator(".mantine-InputWrapper-error").first();
  await message.waitFor();
  expect(await page.getByLabel("URL", { exact: true }).getAttribute("aria-invalid")).toBe("true");
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("N".repeat(200));
});

test("pressed twice, Create makes one", async () => {
  await goTo(page, "/new-webhook");
  await page.getByLabel("URL", { exact: true }).fill(inbox.url);
  await page.getByLabel("Name", { exact: true }).fill("Twice");
  await button("Create").dblclick();
  await dialog("The signing key").waitFor();
  expect((await post("webhooks.list", { q: "Twice" }).expect(200)).body.data).toHaveLength(1);
});

test("a change saves what was changed, and nothing else", async () => {
  const { id } = await subscribe({ name: "Before", rate_limit_per_s: 5, headers: { "X-A": "b" } });
  await open(id, "Before");
  await page.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Name", { exact: true }).fill("After");
  await post("webhooks.update", { id, rate_limit_per_s: 7 }).expect(200); // somebody else, meanwhile
  await button("Save").click();
  await page.getByRole("heading", { level: 1, name: "After" }).waitFor();
  expect(await info(id)).toMatchObject({
    name: "After",
    rate_limit_per_s: 7,
    headers: { "X-A": "b" },
  });
  await page.getByText("name: Before → After").waitFor();
});

test("a receiver that is down: pause, see what is held, resume, and it goes out", async () => {
  const { id } = await subscribe({ name: "Down", channels: ["down"] });
  await open(id, "Down");
  await button("Pause").click();
  await dialog("Pause Down?").getByRole("button", { name: "Pause" }).click();
  await page.getByText(/Paused since/).waitFor();
  await post("events.publish", { type: "message.created", payload: 1, channel: "down" });
  const before = inbox.requests.length;
  await page.getByRole("link", { name: "1 held" }).waitFor();
  await page.getByText(/and dropped in \d/).waitFor();
  await button("Resume").click();
  await inbox.arrived(before + 1);
  await page.getByRole("heading", { level: 1, name: "Down ok" }).waitFor();
});

test("a rotation warns first, names until when the old key signs, and shows the new one once", async () => {
  const { id, signature_key: old } = await subscribe({ name: "Rotated", preset: "standard" });
  await open(id, "Rotated");
  await button("Rotate key").click();
  await dialog("A new signing key")
    .getByText(/the old one beside it until/)
    .waitFor();
  await button("Rotate").click();
  await dialog("The new signing key").waitFor();
  const key = await page.locator(".secret code").innerText();
  expect(key).toMatch(/^whsec_/);
  expect(key).not.toBe(old);
  await button("I have stored it").click();
  await until(
    () => page.content(),
    (html) => !html.includes(key),
  );
});

test("a preset that carries one signature warns that receivers with the old key refuse", async () => {
  const { id } = await subscribe({ name: "One key", preset: "airy", signature_key: "old-secret" });
  await open(id, "One key");
  await button("Rotate key").click();
  await dialog("A new signing key")
    .getByText(/carries one signature/)
    .waitFor();
  expect(await page.getByLabel("The old key signs beside it").count()).toBe(0);
});

test("unsubscribing and deleting ask first, and Cancel changes nothing", async () => {
  const { id } = await subscribe({ name: "Ended" });
  await open(id, "Ended");
  await button("Unsubscribe").click();
  await button("Cancel").click();
  expect((await info(id)).status).toBe("Subscribed");
  await button("Unsubscribe").click();
  await dialog("Unsubscribe Ended?").getByRole("button", { name: "Unsubscribe" }).click();
  await button("Subscribe again").waitFor();
  expect(await button("Send a test").isDisabled()).toBe(true);
  await button("Delete").click();
  await dialog("Delete Ended?").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { level: 1, name: "Webhooks" }).waitFor();
  await post("webhooks.info", { id }).expect(404);
});

test("the list finds by name, keeps its filters in the address, and tells no match from none", async () => {
  await subscribe({ name: "Needle <script>alert(1)</script>" });
  await goTo(page, "/webhooks");
  await page.getByLabel("Name, URL or id").fill("needle");
  const rows = page.getByRole("region", { name: "webhooks" }).getByRole("link");
  await until(
    () => rows.count(),
    (count) => count === 1,
  );
  expect(await rows.innerText()).toBe("Needle <script>alert(1)</script>");
  expect(page.url()).toContain("#/webhooks?q=needle");
  await page.reload();
  await until(
    () => rows.count(),
    (count) => count === 1,
  );
  await page.getByLabel("Health").selectOption("disabled");
  await page.getByText("No webhooks match these filters").waitFor();
  await button("Clear filters").click();
  await until(
    () => rows.count(),
    (count) => count > 1,
  );
});

test("the overview says which are in trouble, since when, why, what is held and when it is dropped", async () => {
  inbox.reply = () => ({ status: 410 });
  const { id } = await subscribe({ name: "Gone", channels: ["gone"], retry_schedule_s: [1] });
  await post("events.publish", { type: "message.created", payload: 1, channel: "gone" });
  await until(
    () => info(id),
    ({ health, counters }) => health === "disabled" && counters.pending === 1,
  );
  await goTo(page, "/");
  const row = page.getByRole("listitem").filter({ hasText: "Gone" }).first();
  await row.getByText(/since .*Its receiver answered 410 Gone\./).waitFor();
  await row.getByText(/1 held, the first made .* and dropped in \d/).waitFor();
});

test("a key that may only read is offered nothing that changes", async () => {
  const { id } = await subscribe({ name: "Only looked at" });
  const { body } = await post("keys.create", { name: "reader", scope: "read" }).expect(200);
  page = await stand.open("/", { key: body.key });
  await open(id, "Only looked at");
  expect(
    await page
      .getByRole("main")
      .getByRole("button", { name: /Send|Pause|Rotate|Delete/ })
      .count(),
  ).toBe(0);
  await goTo(page, "/new-webhook");
  await page.getByText("this key may not use it").waitFor();
});
