// `npm run tasks`: what people come to the dashboard for, done by a script that counts. A press is a click or Enter; typing
// is free. `npm run tasks -- 10000` stores so many deliveries instead of a million.
import pg from "pg";

import { fillHistory } from "../bench/history.ts";
import { look, signIn, startBrowser } from "../test/helpers/browser.ts";
import { setScene } from "../test/helpers/scene.ts";
import { scroll } from "../test/helpers/scroll.ts";
import { startTestService } from "../test/helpers/service.ts";
import { startTestServer } from "../test/helpers/test-server.ts";
import { tasks, type Hand, type Task } from "./tasks/ten.ts";
import { timeViews, type Viewed } from "./tasks/views.ts";

const VIEW_MS_MAX = 1_000;
const FRAME_MS_MAX = 100;
const HEAP_BYTES_MAX = 50_000_000;

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
  for (const [index, task] of tasks(scene, event).entries()) {
    const line = await time(task).catch((error: unknown) => {
      worst = 1;
      return `failed: ${String(error).split("\n", 1)[0]} | | |`;
    });
    process.stdout.write(`| ${index + 1}. ${task.what} | ${line} |\n`);
  }
  if (!(await viewsStand(event))) worst = 1;
  if (!(await scrollFar(Math.min(stored, 100_000)))) worst = 1;
  process.exitCode = worst;
} finally {
  await browser.close();
  await service.stop();
  await scene.close();
  await server.stop();
}

/** Whether each view stands as soon as it should. */
async function viewsStand(event: string): Promise<boolean> {
  const { page, close } = await look(browser, `${service.url}/dashboard/`);
  try {
    await signIn(page, service.adminKey);
    const first = async (operation: string, of: object) =>
      ((await scene.post(operation, of)).body as { data: { id: string }[] }).data[0]?.id ?? "none";
    const views: Viewed[] = [
      ["Overview", "/"],
      ["Webhooks", "/webhooks"],
      ["One webhook", `/webhooks/${webhooks.crm}`],
      ["Events", "/events"],
      ["Events of a type", "/events?type=message.created"],
      ["One event", `/events/${event}`],
      ["Deliveries", "/deliveries"],
      ["Deliveries, dead", "/deliveries?status=dead"],
      ["Deliveries of a webhook", `/deliveries?webhook_id=${webhooks.crm}`],
      ["One delivery", `/deliveries/${await first("deliveries.list", { event_id: event })}`],
      ["Replays", "/replays"],
      ["One replay", `/replays/${await first("replays.list", {})}`],
      ["Event types", "/event-types"],
      ["One event type", "/event-types/order.created"],
      ["Keys", "/keys"],
      ["What is found", "/find?q=order-1"],
    ];
    const ours = views.map(([name, path]): Viewed => [name, `/@${scene.tenant}${path}`]);
    const { table, slow } = await timeViews(page, ours, VIEW_MS_MAX);
    process.stdout.write(`\n${table}\n`);
    if (slow.length > 0) process.stdout.write(`over ${VIEW_MS_MAX} ms: ${slow.join(", ")}\n`);
    return slow.length === 0;
  } finally {
    await close();
  }
}

/** Whether a long list is scrolled without taking memory or standing still. */
async function scrollFar(rows: number): Promise<boolean> {
  const { page, close } = await look(browser, `${service.url}/dashboard/#/deliveries`);
  try {
    await signIn(page, scene.manageKey);
    await page.getByRole("row").nth(1).waitFor();
    const begun = performance.now();
    const scrolled = await scroll(page, rows);
    await page.waitForTimeout(15_000); // in which pages scrolled past are let go
    const heapBytes = await scrolled.heapBytes();
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
    const [p99, most] = [scrolled.frame99Ms, scrolled.frameMaxMs].map((ms) => ms.toFixed(0));
    process.stdout.write(
      `\n${scrolled.rows.toLocaleString("en")} rows scrolled in ${seconds} s: +${(heapBytes / 1e6).toFixed(1)} MB, frames of ${p99} ms (p99) and ${most} ms at most\n`,
    );
    return heapBytes <= HEAP_BYTES_MAX && scrolled.frameMaxMs <= FRAME_MS_MAX;
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
