// The portal: a customer's page, in a frame of another site.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Page } from "playwright-core";

import { caller, until, type Call } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { useService } from "../helpers/dashboard.ts";
import { query } from "../helpers/embedded.ts";

// A site of a host: it frames what stands behind its own #, and keeps what it is told.
const HOST = `<!doctype html><title>Host</title>
<iframe id="portal" allow="clipboard-write" style="width: 1000px; height: 700px"></iframe>
<script>
  window.told = [];
  addEventListener("message", ({ origin, data }) => told.push([origin, data]));
  document.getElementById("portal").src = decodeURIComponent(location.hash.slice(1));
</script>`;

// The host is listening before it is known who may frame the page.
const host = http.createServer((_request, response) =>
  response.setHeader("Content-Type", "text/html").end(HOST),
);
await once(host.listen(0, "127.0.0.1"), "listening");
const { port } = host.address() as AddressInfo;

const POSTHORN_FRAME_ANCESTORS = `http://app.host.test:${port}`;
const stand = useService({ overrides: { POSTHORN_FRAME_ANCESTORS } });
let post: Call;
let webhook: { id: string };

beforeAll(async () => {
  post = caller(stand.service, { "X-Tenant": "acme" });
  const url = "https://example.com/hooks";
  webhook = (await post("webhooks.subscribe", { url, name: "CRM" }).expect(200)).body;
  await post("webhooks.subscribe", { url, name: "Not for this customer" }).expect(200);
});
afterAll(() => {
  host.close();
  host.closeAllConnections();
});

const open = (url: string) => stand.visit(url);

const makeLink = async (fields: object = {}) =>
  (
    await post("portal.create_link", {
      tenant: "acme",
      scope: "manage",
      return_url: "https://app.example.com/settings",
      ...fields,
    }).expect(200)
  ).body as { url: string; key_id: string };

// As browsers block a third party's.
const BLOCK_STORAGE = `for (const name of ["sessionStorage", "localStorage"])
  if (self !== top) Object.defineProperty(self, name, { get() { throw new DOMException("blocked", "SecurityError"); } });`;

/** The host's page with the portal in it, whose storage is blocked. */
async function framed(link: string, site = "app.host.test") {
  const page = await stand.visit(`http://${site}:${port}/#${encodeURIComponent(link)}`, {
    script: BLOCK_STORAGE,
    origin: stand.service.url,
  });
  return { page, frame: page.frameLocator("#portal") };
}

const CHANGES = /Send|Pause|Rotate|Delete|Unsubscribe|Edit/;

const told = (page: Page) => page.evaluate("JSON.stringify(told)");

test("a link opens once, at the path it leads to, and its token leaves the address", async () => {
  const { url } = await makeLink({ path: "/webhooks" });
  const page = await open(url);
  await page.getByRole("link", { name: "CRM" }).waitFor();
  expect(page.url()).toBe(`${stand.service.url}/dashboard/portal/#/webhooks`);
  expect(await page.evaluate("sessionStorage.length + localStorage.length")).toBe(0);
  expect(await page.getByRole("button", { name: "Sign out" }).count()).toBe(0);
  const again = await open(url);
  await again.getByText("This link was opened already").waitFor();
  expect(await again.getByLabel("API key").count()).toBe(0);
});

test("a session of some webhooks is offered those, and neither new ones nor types", async () => {
  const { url } = await makeLink({ webhook_ids: [webhook.id] });
  const page = await open(url);
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByRole("link", { name: "CRM" }).waitFor();
  expect(await page.getByText("Not for this customer").count()).toBe(0);
  expect(await page.getByRole("link", { name: "New webhook" }).count()).toBe(0);
  await page.getByRole("link", { name: "Event types" }).click();
  await page.getByRole("link", { name: "message.created" }).waitFor();
  expect(await page.getByRole("link", { name: "New event type" }).count()).toBe(0);
});

test("a session that may only read is offered nothing that changes, and gets nowhere by an address", async () => {
  const { url } = await makeLink({ scope: "read" });
  const page = await open(url);
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByRole("link", { name: "CRM" }).click();
  await page.getByRole("heading", { level: 1, name: "CRM" }).waitFor();
  expect(await page.getByRole("main").getByRole("button", { name: CHANGES }).count()).toBe(0);
  for (const path of ["/new-webhook", `/webhooks/${webhook.id}/edit`, "/keys"]) {
    await goTo(page, path);
    await page.getByText("this key may not use it").waitFor();
    await goTo(page, "/");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  }
});

test("a link that is too old says so, with nothing to type and no key to be had", async () => {
  const { url } = await makeLink();
  await query(
    stand.service.databaseUrl,
    "update posthorn.keys set expires_at = now() where is_portal", // of tests before, too, which have ended
  );
  const page = await open(url);
  await page.getByText(/This link is not valid: it is unknown, expired/i).waitFor();
  expect(await page.getByRole("textbox").count()).toBe(0);
  expect(page.url()).not.toContain("link=");
});

describe("in a frame of a site that may", () => {
  test("it works with storage blocked, and tells the host alone when the session has ended", async () => {
    const { url, key_id } = await makeLink({ path: "/webhooks" });
    const { page, frame } = await framed(url);
    await frame.getByRole("link", { name: "CRM" }).waitFor();
    await frame.getByLabel("Refresh every").selectOption("2");
    await post("keys.revoke", { id: key_id }).expect(200);
    await frame.getByText("Your session has ended.", { exact: true }).waitFor();
    expect(await frame.getByRole("link", { name: "CRM" }).count()).toBe(1); // the view stays
    const back = frame.getByRole("link", { name: "Go back to where you came from" });
    expect(await back.getAttribute("href")).toBe("https://app.example.com/settings");
    expect(await told(page)).toBe(JSON.stringify([[stand.service.url, { posthorn: "expired" }]]));
  });

  test("a reload tells the host, which makes another link", async () => {
    const { url } = await makeLink();
    const { page, frame } = await framed(url);
    await frame.getByRole("heading", { name: "Overview" }).waitFor();
    await page.frames()[1]?.evaluate("location.reload()");
    await frame.getByText("Open this page again from where you came.").waitFor();
    expect(await told(page)).toContain("expired");
  });
});

test("a site that may not frame it shows nothing of it", async () => {
  const { url } = await makeLink();
  const { page } = await framed(url, "evil.test");
  const refused: string[] = [];
  await until(
    () => Promise.resolve(refused.push(...stand.forgive())),
    (count) => count > 0,
  );
  expect(refused).toEqual([expect.stringMatching(/frame-ancestors/)]);
  expect(
    await page.frameLocator("#portal").getByRole("heading", { name: "Overview" }).count(),
  ).toBe(0);
});

test("its theme and accent are those of its address", async () => {
  const { url } = await makeLink();
  const page = await open(url.replace("/portal/#", "/portal/?theme=dark&accent=%23a36#"));
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  expect(await page.locator("html").getAttribute("data-mantine-color-scheme")).toBe("dark");
  const color = await page.evaluate(
    "getComputedStyle(document.querySelector('nav a[aria-current]')).color",
  );
  expect(color).toMatch(/^rgb\(2\d\d, 1\d\d, 1\d\d\)$/); // made lighter, so that it can be read
});

test("an admin makes a link for a week and takes it back", async () => {
  const page = await stand.open("/@acme/keys");
  await page.getByRole("button", { name: "New portal link" }).first().click();
  await page.getByLabel("The session lasts").selectOption("604800");
  await page.getByRole("button", { name: "Make the link" }).click();
  const url = await page.locator(".secret code").innerText();
  await page.getByRole("button", { name: "I have stored it" }).click();
  const customer = await open(url);
  await customer.getByRole("heading", { name: "Overview" }).waitFor();
  expect(await customer.getByRole("link", { name: "Keys" }).count()).toBe(0);
  const row = page.getByRole("row").filter({ hasText: "read, portal" }).first();
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await customer.getByText("Your session has ended.", { exact: true }).waitFor();
});
