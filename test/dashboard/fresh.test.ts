// How lists keep fresh, and keep still: polls, pauses, what is new, what failed.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import type { Browser, Page } from "playwright-core";

import { until } from "../helpers/api.ts";
import { goTo, look, signIn, startBrowser, type Look } from "../helpers/browser.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let service: TestService;
let browser: Browser;
let sql: pg.Client;
let opened: Look;
let page: Page;

beforeAll(async () => {
  [service, browser] = await Promise.all([startTestService({}, { role: "api" }), startBrowser()]);
  sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
});
beforeEach(async () => {
  opened = await look(browser, `${service.url}/dashboard/`);
  ({ page } = opened);
  await signIn(page, service.adminKey);
  await page.getByLabel("Refresh every").selectOption("2");
});
afterEach(async () => {
  await opened.close();
  expect(opened.troubles).toEqual([]);
});
afterAll(async () => {
  await browser.close();
  await sql.end();
  await service.stop();
});

const table = () => page.getByRole("region", { name: "webhooks" });
const showWebhooks = async (tenant: string) => {
  await goTo(page, `/@${tenant}/webhooks`);
  await table().waitFor();
};

/** What is asked of an operation from now on: each body, and how many were under way at once. */
async function watch(operation: string, delayMs = 0) {
  const seen = { bodies: [] as string[], most: 0 };
  let underWay = 0;
  await page.route(`**/trpc/${operation}**`, async (route) => {
    seen.bodies.push(route.request().postData() ?? "");
    seen.most = Math.max(seen.most, ++underWay);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    underWay--;
    await route.continue();
  });
  return seen;
}

test("while the list is scrolled nothing moves: what is new is counted, and shown when asked", async () => {
  await makeWebhooks(sql, "scrolled", 60);
  await showWebhooks("scrolled");
  const first = await table().getByRole("link").first().getAttribute("href");
  await table().evaluate((box) => box.scrollTo(0, 200));
  await makeWebhooks(sql, "scrolled", 12);
  await page.getByRole("button", { name: "12 new: show" }).click();
  await until(
    () => table().getByRole("link").first().getAttribute("href"),
    (href) => href !== first,
  );
  expect(await table().evaluate((box) => box.scrollTop)).toBe(0);
});

test("further pages come as one scrolls, and only the first is asked again", async () => {
  await makeWebhooks(sql, "pages", 350);
  const seen = await watch("webhooks.list");
  await showWebhooks("pages");
  for (const rows of [200, 300, 350]) {
    await table().evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await until(
      () => table().evaluate((box) => box.scrollHeight),
      (height) => height >= rows * 40,
    );
  }
  expect(await table().getByRole("table").getAttribute("aria-rowcount")).toBe("351");
  expect(await table().getByRole("row").count()).toBeLessThan(60); // the others are not drawn
  const before = seen.bodies.length;
  await until(
    () => Promise.resolve(seen.bodies.length),
    (count) => count > before + 1,
  );
  for (const body of seen.bodies.slice(before + 1)) expect(body).not.toContain("cursor");
});

test("a poll waits for the last answer, and there is none while paused or in a hidden tab", async () => {
  await makeWebhooks(sql, "paused", 3);
  await showWebhooks("paused");
  const seen = await watch("webhooks.list", 3_000);
  await until(
    () => Promise.resolve(seen.bodies.length),
    (count) => count >= 2,
  );
  expect(seen.most).toBe(1);
  await page.getByRole("button", { name: "Pause refreshing" }).click();
  await page.waitForTimeout(3_500);
  const paused = seen.bodies.length;
  await page.waitForTimeout(3_000);
  expect(seen.bodies.length).toBe(paused);
  await page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));`);
  await page.getByRole("button", { name: "Resume refreshing" }).click(); // asks once, at once
  await page.waitForTimeout(3_500);
  const hidden = seen.bodies.length;
  await page.waitForTimeout(3_000);
  expect(seen.bodies.length).toBe(hidden);
}, 60_000);

test("after a failure the old rows stay, greyed, with since when, and come to life by themselves", async () => {
  await makeWebhooks(sql, "away", 3);
  await showWebhooks("away");
  await page.route("**/trpc/**", (route) => route.abort());
  await page.getByText(/The service does not answer.*Not refreshed since/).waitFor();
  await page.getByText("not refreshed", { exact: true }).waitFor();
  expect(await table().getByRole("link").count()).toBe(3);
  expect(await table().getAttribute("class")).toContain("is-old");
  await page.unroute("**/trpc/**");
  await page.getByText("Not refreshed since").waitFor({ state: "hidden" });
  expect(await table().getAttribute("class")).not.toContain("is-old");
});

test("a list that can't be read says so, and Retry reads it", async () => {
  await makeWebhooks(sql, "broken", 1);
  await page.getByRole("button", { name: "Pause refreshing" }).click();
  await page.route("**/trpc/webhooks.list**", (route) =>
    route.fulfill({ status: 502, body: "<html>a proxy's own page</html>" }),
  );
  await goTo(page, "/@broken/webhooks");
  await page.getByText("The service does not answer").first().waitFor();
  expect(await page.getByText("No webhooks yet").count()).toBe(0);
  await page.unroute("**/trpc/webhooks.list**");
  await page.getByRole("main").getByRole("button", { name: "Retry" }).first().click();
  await table().waitFor();
});

test("times go by the service's clock, though the browser's is an hour behind", async () => {
  await opened.close();
  opened = await look(browser, "about:blank");
  ({ page } = opened);
  await page.clock.install({ time: new Date(Date.now() - 3_600_000) });
  await page.goto(`${service.url}/dashboard/#/keys`);
  await page.getByLabel("API key").fill(service.adminKey);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "New key" }).first().click();
  await page.getByLabel("Name").fill("made now");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "I have stored it" }).click();
  const made = page.getByRole("row").filter({ hasText: "made now" }).locator("time").first();
  expect(await made.innerText()).toMatch(/^(now|\d+ sec\. ago)$/);
  expect(await made.getAttribute("title")).toContain("(UTC)");
  opened.troubles.splice(0); // it left about:blank
});
