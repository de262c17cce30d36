// `npm run tasks`: what people come to the dashboard for, done by a script that counts. A press is a click or Enter; typing
// is free. `npm run tasks -- 10000` stores so many deliveries instead of a million.
import pg from "pg";
import type { Locator, Page } from "playwright-core";

import { fillHistory } from "../bench/history.ts";
import { look, signIn, startBrowser } from "../test/helpers/browser.ts";
import { setScene } from "../test/helpers/scene.ts";
import { scroll } from "../test/helpers/scroll.ts";
import { startTestService } from "../test/helpers/service.ts";
import { startTestServer } from "../test/helpers/test-server.ts";

type Hand = {
  page: Page;
  click(what: Locator): Promise<void>;
  /** Into what has the focus, or into a field that is tabbed to. */
  type(text: string, field?: Locator): Promise<void>;
  enter(): Promise<void>;
  find(text: string): Promise<void>;
  see(text: string | RegExp): Promise<void>;
};
type Task = {
  what: string;
  presses: number;
  seconds: number;
  isAdmins?: boolean;
  run(hand: Hand): Promise<void>;
};

const stored = Number(process.argv[2] ?? 1_000_000);
const server = await startTestServer();
process.env["POSTHORN_TEST_SERVER_URL"] = server.url;
const [service, browser] = await Promise.all([startTestService(), startBrowser()]);
const scene = await setScene(service, "wide"); // the history's tenant
const { webhooks, publish, delivery } = scene;
try {
  const sql = new pg.Client({ connectionString: service.databaseUrl });
  await sql.connect();
  await fillHistory(sql, stored);
  await sql.end();
  const event = await publish("order.created", { order: 1 }, { idempotency_key: "order-1" });
  for (let number = 2; number <= 41; number++) await publish("order.paid", { order: number });
  await delivery(await publish("order.paid", { order: 42 }), webhooks.billing, "dead");
  await delivery(event, webhooks.billing, "dead");

  let worst = 0;
  process.stdout.write(`with ${stored.toLocaleString("en")} deliveries stored\n\n`);
  process.stdout.write("| task | presses | at most | s | at most |\n|---|---:|---:|---:|---:|\n");
  for (const [index, task] of tasks(event).entries()) {
    const line = await time(task).catch((error: unknown) => {
      worst = 1;
      return `failed: ${String(error).split("\n", 1)[0]} | | |`;
    });
    process.stdout.write(`| ${index + 1}. ${task.what} | ${line} |\n`);
  }
  process.stdout.write(`\n${await scrollFar(Math.min(stored, 100_000))}\n`);
  process.exitCode = worst;
} finally {
  await browser.close();
  await service.stop();
  await scene.close();
  await server.stop();
}

async function scrollFar(rows: number): Promise<string> {
  const { page, close } = await look(browser, `${service.url}/dashboard/#/deliveries`);
  try {
    await signIn(page, scene.manageKey);
    await page.getByRole("row").nth(1).waitFor();
    const begun = performance.now();
    const scrolled = await scroll(page, rows, () => page.waitForTimeout(15_000)); // in which pages scrolled past are let go
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
    const megabytes = (scrolled.heapBytes / 1e6).toFixed(1);
    return `${scrolled.rows.toLocaleString("en")} rows scrolled in ${seconds} s: +${megabytes} MB, frames of ${scrolled.frame99Ms.toFixed(0)} ms (p99) and ${scrolled.frameMaxMs.toFixed(0)} ms at most`;
  } finally {
    await close();
  }
}

async function time(task: Task): Promise<string> {
  const { run, presses: pressesMax, seconds: secondsMax, isAdmins = false } = task;
  const place = isAdmins ? `#/@${scene.tenant}/` : "";
  const { page, troubles, close } = await look(browser, `${service.url}/dashboard/${place}`);
  try {
    await signIn(page, isAdmins ? service.adminKey : scene.manageKey);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.waitForLoadState("networkidle");
    let presses = 0;
    const hand: Hand = {
      page,
      async click(what) {
        presses++;
        await what.first().click();
      },
      async type(text, field) {
        if (field) await field.focus();
        await page.keyboard.press("ControlOrMeta+a");
        await page.keyboard.type(text);
      },
      async enter() {
        presses++;
        await page.keyboard.press("Enter");
      },
      async find(text) {
        await page.keyboard.press("/");
        await page.keyboard.type(text);
        await hand.enter();
      },
      see: (text) => page.getByText(text).first().waitFor(),
    };
    const begun = performance.now();
    await run(hand);
    const seconds = (performance.now() - begun) / 1_000;
    if (troubles.length > 0) throw new Error(troubles.join("; "));
    return `${presses} | ${pressesMax} | ${seconds.toFixed(1)} | ${secondsMax}`;
  } finally {
    await close();
  }
}

function tasks(event: string): Task[] {
  const rowOf = (page: Page, name: string | RegExp) =>
    page.getByRole("row").filter({ hasText: name }).getByRole("link");
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
  const view = (page: Page, name: string) =>
    page.getByRole("navigation").getByRole("link", { name });
  const inDialog = (page: Page, name: string) =>
    page.getByRole("dialog").getByRole("button", { name });
  return [
    {
      what: "this event did not arrive at Billing: why",
      presses: 2,
      seconds: 15,
      async run({ find, click, see, page }) {
        await find(event);
        await click(rowOf(page, "Billing"));
        await see("Dead: refused by its status");
      },
    },
    {
      what: "order-1 did not arrive at the branch office: why",
      presses: 4,
      seconds: 30,
      async run({ find, click, see, page }) {
        await find("order-1");
        await click(rowOf(page, "Event"));
        await see("Takes in other channels");
      },
    },
    {
      what: "a receiver answered 500: what was sent, what came back, as curl",
      presses: 4,
      seconds: 30,
      async run({ click, type, enter, see, page }) {
        await click(view(page, "Deliveries"));
        await type("500", page.getByLabel("Response"));
        await enter();
        await click(rowOf(page, "Billing"));
        await see("the ledger is locked");
        await click(page.getByRole("button", { name: "Copy as curl" }));
        await see("Copied the request as curl");
      },
    },
    {
      what: "which webhooks are in trouble, since when, why, what is held until when",
      presses: 1,
      seconds: 10,
      async run({ see }) {
        await see("In trouble");
        await see("Archive");
        await see(/dropped/i);
      },
    },
    {
      what: "send again all that died since a time, see how far it is, stop it",
      presses: 6,
      seconds: 60,
      async run({ click, see, page }) {
        await click(page.getByRole("link", { name: "Billing" }));
        await click(button(page, "Replay"));
        await page
          .getByRole("dialog")
          .getByText(/^\d+ events?$/)
          .waitFor();
        await click(inDialog(page, "Replay"));
        await see(/of \d+ events? through/);
        await click(button(page, "Stop"));
        await click(inDialog(page, "Stop"));
        await see(/^Stopped:/);
      },
    },
    {
      what: "add a webhook for two types, keep its key, send a test",
      presses: 8,
      seconds: 90,
      async run({ click, type, see, page }) {
        await click(view(page, "Webhooks"));
        await click(page.getByRole("link", { name: "New webhook" }));
        await type(`${scene.crm.url}new`, page.getByLabel("URL", { exact: true }));
        await type("order.created,order.paid,", page.getByRole("combobox", { name: "Events" }));
        await click(button(page, "Create"));
        await click(page.getByRole("dialog").getByRole("button", { name: /Copy the signing key/ }));
        await click(inDialog(page, "I have stored it"));
        await click(button(page, "Send a test"));
        await click(inDialog(page, "Send"));
        await see("Answered 200");
      },
    },
    {
      what: "rotate a key, knowing until when the old one signs",
      presses: 4,
      seconds: 40,
      async run({ click, see, page }) {
        await click(view(page, "Webhooks"));
        await click(rowOf(page, "CRM"));
        await click(button(page, "Rotate key"));
        await see(/until/i);
        await click(page.getByRole("dialog").locator("button[type=submit]"));
        await button(page, "I have stored it").waitFor();
      },
    },
    {
      what: "pause a webhook, resume it, and watch what was held go",
      presses: 4,
      seconds: 30,
      async run({ click, see, page }) {
        await click(page.getByRole("link", { name: "Billing" }));
        await click(button(page, "Pause").last());
        await click(inDialog(page, "Pause"));
        await see("Paused: what is published for it is held");
        await publish("order.paid", { order: 43 });
        await click(button(page, "Resume").last());
        await see(/Resumed/);
      },
    },
    {
      what: "“we never got number 41”: which event, why, send again",
      presses: 4,
      seconds: 30,
      async run({ click, type, enter, see, page }) {
        await click(view(page, "Deliveries"));
        await type("Billing", page.getByLabel("Webhook", { exact: true }));
        await page.keyboard.press("Tab");
        await type("41");
        await enter();
        await rowOf(page, "delivered").first().waitFor({ state: "detached" });
        await click(rowOf(page, "dead"));
        await see("Dead: refused by its status");
        await click(button(page, "Send again"));
        await see("Sent again: this is the new delivery");
      },
    },
    {
      what: "give a customer a portal link that only reads, for a week; take it back",
      presses: 6,
      seconds: 45,
      isAdmins: true,
      async run({ click, page }) {
        await click(view(page, "Keys"));
        await click(button(page, "New portal link"));
        await page.getByLabel("The session lasts").selectOption("604800"); // by typing its name
        await click(button(page, "Make the link"));
        await click(button(page, "I have stored it"));
        await click(
          page
            .getByRole("row")
            .filter({ hasText: "read, portal" })
            .getByRole("button", { name: "Revoke" }),
        );
        await click(inDialog(page, "Revoke"));
        await page.getByRole("dialog").waitFor({ state: "hidden" });
      },
    },
  ];
}
