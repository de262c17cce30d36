// How lists keep fresh, and keep still: polls, pauses, what is new, what failed.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import type { Page } from "playwright-core";

import { until } from "../helpers/api.ts";
import { goTo, signIn } from "../helpers/browser.ts";
import { useService } from "../helpers/dashboard.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let sql: pg.Client;
afterAll(() => sql.end()); // before the service takes its database away
const stand = useService();
let page: Page;

beforeAll(async () => {
  sql = new pg.Client({ connectionString: stand.service.databaseUrl });
  await sql.connect();
});
beforeEach(async () => {
  page = await stand.open("/", { hasClock: true });
});
/** Lets so much time pass in the page: as much as until it asks again, unless told otherwise. */
const pass = (seconds = 5) => page.clock.fastForward(seconds * 1_000);
const table = () => page.getByRole("region", { name: "webhooks" });
const showWebhooks = async (tenant: string) => {
  await goTo(page, `/@${tenant}/webhooks`);
  await table().waitFor();
};

/** What is asked of an operation from now on: each body. */
function watch(operation: string) {
  const bodies: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes(`/trpc/${operation}`)) bodies.push(request.postData() ?? "");
  });
  return bodies;
}

test("while the list is scrolled nothing moves: what is new is counted, and shown when asked", async () => {
  await makeWebhooks(sql, "scrolled", 60);
  await showWebhooks("scrolled");
  const first = await table().getByRole("link").first().getAttribute("href");
  await table().evaluate((box) => box.scrollTo(0, 200));
  await makeWebhooks(sql, "scrolled", 12);
  await pass();
  await page.getByRole("button", { name: "12 new: show" }).click();
  await until(
    () => table().getByRole("link").first().getAttribute("href"),
    (href) => href !== first,
  );
  expect(await table().evaluate((box) => box.scrollTop)).toBe(0);
});

test("further pages come as one scrolls, and only the first is asked again", async () => {
  await makeWebhooks(sql, "pages", 350);
  const asked = watch("webhooks.list");
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
  const before = asked.length;
  await until(
    async () => {
      await pass();
      return asked.length;
    },
    (count) => count >= before + 2,
  );
  for (const body of asked.slice(before)) expect(body).not.toContain("cursor");
});

test("a poll waits for the last answer, and there is none while paused or in a hidden tab", async () => {
  await makeWebhooks(sql, "paused", 3);
  await showWebhooks("paused");
  const answers: (() => void)[] = [];
  await page.route("**/trpc/webhooks.list**", async (route) => {
    await new Promise<void>((resolve) => answers.push(resolve));
    await route.continue();
  });
  const asked = (times: number) =>
    until(
      async () => {
        if (answers.length < times) await pass();
        return answers.length;
      },
      (count) => count === times,
    );
  const answer = async () => {
    const answered = page.waitForResponse("**/trpc/webhooks.list**");
    answers.at(-1)?.();
    await (await answered).finished();
    await page.evaluate("new Promise((drawn) => requestAnimationFrame(drawn))");
  };
  const passes = async () => {
    for (let times = 0; times < 3; times++) await pass(30);
  };
  await asked(1);
  await passes();
  await answer(); // which the page has waited for
  expect(answers).toHaveLength(1);
  await asked(2);
  await answer();
  await page.getByRole("button", { name: "Pause refreshing" }).click();
  await passes();
  await page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));`);
  expect(answers).toHaveLength(2);
  await page.getByRole("button", { name: "Resume refreshing" }).click(); // asks once, at once
  await asked(3);
  await answer();
  await passes();
  await page.evaluate(`delete document.visibilityState;
    document.dispatchEvent(new Event("visibilitychange"));`);
  await asked(4); // what was asked before was this alone
  await answer();
});

test("after a failure the old rows stay, greyed, with since when, and come to life by themselves", async () => {
  await makeWebhooks(sql, "away", 3);
  await showWebhooks("away");
  await page.route("**/trpc/**", (route) => route.abort());
  await pass();
  await page.getByText(/The service does not answer.*Not refreshed since/).waitFor();
  await page.getByText("not refreshed", { exact: true }).waitFor();
  expect(await table().getByRole("link").count()).toBe(3);
  expect(await table().getAttribute("class")).toContain("is-old");
  await page.unroute("**/trpc/**");
  await pass();
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
  const time = new Date(Date.now() - 3_600_000);
  page = await stand.visit(`${stand.service.url}/dashboard/#/keys`, { time });
  await signIn(page, stand.service.adminKey);
  await page.getByRole("button", { name: "New key" }).first().click();
  await page.getByLabel("Name").fill("made now");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "I have stored it" }).click();
  const made = page.getByRole("row").filter({ hasText: "made now" }).locator("time").first();
  expect(await made.innerText()).toMatch(/^(now|\d+ sec\. ago)$/);
  expect(await made.getAttribute("title")).toContain("(UTC)");
});
