// What the page does where something is wrong: the service away, too many calls, a key that may not, strangers' texts, and
// more rows than anybody reads.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Page, Request } from "playwright-core";

import { until } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { useDashboard } from "../helpers/dashboard.ts";
import { startPrefixProxy, type PrefixProxy } from "../helpers/prefix-proxy.ts";
import { scroll } from "../helpers/scroll.ts";
import { startTestService } from "../helpers/service.ts";

const stand = useDashboard();
const { open } = stand;
let database: TestDatabase;
let proxy: PrefixProxy;
let order: string;

beforeAll(async () => {
  const { scene } = stand;
  [database, proxy] = await Promise.all([
    createTestDatabase(),
    startPrefixProxy(stand.service.url, "/posthorn"),
  ]);
  order = await scene.publish("order.created", { id: 1 });
  await scene.delivery(order, scene.webhooks.billing, "dead");
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

const POLL_MS = 5_000; // of the page, unless told otherwise; after a failure, too

const rows = (page: Page) => page.getByRole("row").filter({ has: page.getByRole("link") });

describe("a service that goes away", () => {
  test("leaves what was read, greyed, with since when; and is taken up again by itself when it is back", async () => {
    const first = await startTestService({ DATABASE_URL: database.url }, { role: "api" });
    const { port } = new URL(first.url);
    const admin = { key: first.adminKey, base: first.url };
    const page = await open("/event-types", { ...admin, hasClock: true });
    await rows(page).first().waitFor();
    const before = await rows(page).count();
    await first.stop();
    await page.clock.fastForward(POLL_MS);
    await page.getByText(/The service does not answer.*Not refreshed since/).waitFor();
    expect(await rows(page).count()).toBe(before);
    expect(await page.locator(".table-box.is-old").count()).toBe(1);
    const second = await startTestService(
      {
        DATABASE_URL: database.url,
        PORT: port,
        POSTHORN_ADMIN_KEY: first.adminKey,
      },
      { role: "api" },
    );
    await page.clock.fastForward(POLL_MS);
    await page.getByText(/Not refreshed since/).waitFor({ state: "detached" });
    await page.getByText("updated now").waitFor();
    await second.stop();
  });
});

test("a cell that is away is named once on the overview, which says whose tenants are not counted", async () => {
  const settings = { DATABASE_URL: database.url, POSTHORN_CELLS: "eu=postgres://u@127.0.0.1:1/eu" };
  const service = await startTestService(settings, { role: "api" });
  const page = await open("/", { key: service.adminKey, base: service.url });
  await page
    .getByText("The cell eu is away: what its tenants have is neither listed nor counted here.")
    .waitFor();
  await page
    .getByText("No webhook is in trouble, of all tenants but those of the cells that are away")
    .waitFor();
  await goTo(page, "/@*/");
  await page.getByText("Last 24 hours of all tenants").waitFor();
  await page.getByText("The cell eu is away: ").waitFor();
  await service.stop();
});

test("an admin signs in while the cell of the tenant that comes first is away, and reads which it is", async () => {
  const settings = {
    DATABASE_URL: database.url,
    POSTHORN_CELLS: "eu=postgres://u@127.0.0.1:1/eu",
    POSTHORN_DEFAULT_CELL: "eu",
  };
  const service = await startTestService(settings, { role: "api" });
  const page = await open("/webhooks", { key: service.adminKey, base: service.url });
  await page.getByText("The cell eu, where default lives, is away: ").waitFor();
  await page.getByText("The database can't be reached").waitFor();
  await service.stop();
});

describe("too many calls", () => {
  test("are told, and the page asks no more often for it", async () => {
    const limited = await startTestService(
      {
        DATABASE_URL: database.url,
        POSTHORN_RATE_PER_KEY: "1",
      },
      { role: "api" },
    );
    try {
      const page = await open("/replays", {
        key: limited.adminKey,
        base: limited.url,
        hasClock: true,
      });
      await page.getByLabel("Refresh every").selectOption("2");
      const isRefused = page.waitForResponse((response) => response.status() === 429);
      await goTo(page, "/"); // which asks several things at once
      const refused = (await isRefused).request();
      await page.getByRole("alert").first().waitFor();
      const again: Request[] = [];
      page.on("request", (request) => {
        const isSame = request.url() === refused.url() && request.postData() === refused.postData();
        if (isSame) again.push(request);
      });
      await page.clock.fastForward(2_500);
      await page.evaluate("new Promise((done) => setTimeout(done, 500))");
      expect(again).toHaveLength(0);
      await page.clock.fastForward(2_500);
      await until(
        () => Promise.resolve(again.length),
        (count) => count === 1,
      );
      await goTo(page, "/replays");
      await page.getByText("Nothing was replayed yet").waitFor();
    } finally {
      await limited.stop();
    }
  });
});

test("a list of 20,000 long rows is scrolled to its end with bounded memory, and back at the top its first rows are there", async () => {
  const ROWS = 20_000; // scripts/tasks.ts measures 100,000, which take a minute
  const PAGE_ROWS = 200;
  const KEPT_MS = 10_000; // as src/dashboard/api/list.ts says
  const page = await open("/events", { hasClock: true });
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  // Answered here, since it is the page that is looked at.
  let served = 0;
  await page.route("**/trpc/events.list*", async (route) => {
    const from = served;
    served += PAGE_ROWS;
    const data = Array.from({ length: PAGE_ROWS }, (_, index) => ({
      id: `evt_${String(from + index).padStart(32, "0")}`,
      type: "message.created",
      channel: `${from + index} `.repeat(500), // some kilobytes, so that what is kept weighs
      timestamp: "2026-01-31T12:00:00.000Z",
      created_at: "2026-01-31T12:00:00.000Z",
    }));
    const next_cursor = served < ROWS ? String(served) : null;
    const pagination_data = { next_cursor, previous_cursor: null, total: null };
    await route.fulfill({ json: { result: { data: { data, pagination_data } } } });
  });
  await goTo(page, "/events?type=message.created");
  await page.getByText("evt_00000").first().waitFor();
  const scrolled = await scroll(page, ROWS);
  expect(served).toBe(ROWS);
  // Asked more than once: a page is let go some time after the list was last drawn, which a busy browser does late.
  await until(
    async () => {
      await page.clock.fastForward(2 * KEPT_MS);
      return scrolled.heapBytes();
    },
    (bytes) => bytes < 8_000_000, // all of it would be 50,000,000 more
  );
  expect(await page.locator("tbody tr").count()).toBeLessThan(100);
  await page.evaluate(`document.querySelector(".table-box").scrollTop = 0`);
  await page.getByText("evt_" + "0".repeat(32)).waitFor();
});

test("under a path prefix every view stands, and its links stay under it", async () => {
  const page = await open("/deliveries", { base: proxy.url });
  await rows(page).first().waitFor();
  await rows(page).filter({ hasText: "Billing" }).getByRole("link").click();
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  expect(page.url()).toContain(`${proxy.url}/dashboard/#/deliveries/dlv_`);
});

test("on plain HTTP, on a name that is not localhost, an event is found, copied and sent again", async () => {
  const base = stand.service.url.replace("127.0.0.1", "posthorn.test");
  const page = await open(`/events/${order}`, { base });
  await page.getByRole("button", { name: "Copy the event’s id" }).click();
  await page.getByText("Copied the event’s id").waitFor();
  await page.getByLabel("Find").focus();
  await page.keyboard.press("ControlOrMeta+v");
  expect(await page.getByLabel("Find").inputValue()).toBe(order);
  await rows(page).filter({ hasText: "Billing" }).first().getByRole("link").click();
  await page.getByRole("button", { name: "Send again" }).click();
  await page.getByText("Sent again: this is the new delivery").waitFor();
});

test("on plain HTTP the signing key is copied out of the dialog that shows it, which stays open", async () => {
  const base = stand.service.url.replace("127.0.0.1", "posthorn.test");
  const page = await open("/new-webhook", { base });
  await page.getByLabel("URL", { exact: true }).fill(stand.scene.crm.url);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "The signing key" });
  const key = await dialog.locator(".secret code").innerText();
  expect(await page.evaluate("typeof navigator.clipboard")).toBe("undefined");
  await dialog.getByRole("button", { name: "Copy the signing key" }).click();
  await page.getByText("Copied the signing key").waitFor();
  expect(await dialog.count()).toBe(1);
  await dialog.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("button", { name: "Rotate key" }).waitFor();
  await page.getByLabel("Find").focus();
  await page.keyboard.press("ControlOrMeta+v");
  expect(await page.getByLabel("Find").inputValue()).toBe(key);
});

test("by the keyboard alone an event is found, its dead delivery opened, sent again, and cancelled", async () => {
  const { scene } = stand;
  const id = await scene.publish("order.paid", { id: 9 });
  await scene.delivery(id, scene.webhooks.archive, "pending");
  const page = await open("/");
  const focused = () =>
    page.evaluate(
      `(document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent)`,
    );
  const isFocused = (name: string) => until(focused, (text) => text === name);
  const isTrue = (expression: string) => until(() => page.evaluate(expression), Boolean);
  const tabTo = async (name: RegExp) => {
    for (let presses = 0; presses < 80; presses++) {
      await page.keyboard.press("Tab");
      if (name.test(String(await focused()))) return;
    }
    throw new Error(`80 presses of Tab do not lead to ${String(name)}`);
  };
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(id);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Payload" }).waitFor();
  await tabTo(/^Archive$/);
  expect(
    Number(
      await page.evaluate(
        `getComputedStyle(document.activeElement, "::after").outlineWidth.replace("px", "")`,
      ),
    ),
  ).toBeGreaterThan(0);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  await isTrue(`document.activeElement.tagName === "H1"`);
  await tabTo(/^Cancel delivery$/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await isFocused("Cancel delivery");
  await page.keyboard.press("Enter");
  await isTrue(`document.activeElement.closest("[role=dialog]")?.contains(document.activeElement)
    && document.activeElement.tagName === "BUTTON"`); // on what does it
  await page.keyboard.press("Enter");
  await page.getByText("Cancelled: cancelled by hand").waitFor();
  await tabTo(/^Send again$/);
  await page.keyboard.press("Enter");
  await page.getByText("Sent again: this is the new delivery").waitFor();
});
