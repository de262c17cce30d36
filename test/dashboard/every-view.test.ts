// What holds of every view: it can be read by anybody, at any width, and runs nothing that is not ours.
import { AxeBuilder } from "@axe-core/playwright";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { Page } from "playwright-core";

import { until } from "../helpers/api.ts";
import { goTo } from "../helpers/browser.ts";
import { useDashboard } from "../helpers/dashboard.ts";
import { HOSTILE } from "../helpers/scene.ts";

const RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"];
const DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
// Asked in the page, all at once: carried over, all that axe found in order is some megabytes.
const troublesOf = (colorScheme: string) => `(async () => {
  const drawn = () => ${DRAWN};
  while (document.documentElement.dataset.mantineColorScheme !== "${colorScheme}") await drawn();
  await drawn();
  const { violations } = await axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ["violations"], preload: false });
  const root = document.documentElement;
  const over = root.scrollWidth - innerWidth;
  const isWide = innerWidth > 1000 && document.querySelector(".shell");
  return violations
    .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 160)).join(" | "))
    .concat(over > 0 ? over + " px too wide" : [])
    .concat(isWide && root.scrollHeight > innerHeight ? "scrolls beside its main part" : []);
})()`;

const stand = useDashboard();
let views: string[];

beforeAll(async () => {
  const { crm, delivery, post, publish, webhooks } = stand.scene;
  await post("webhooks.subscribe", {
    name: "🎺".repeat(100) + "\u202E",
    url: `${crm.url}${"a".repeat(2_048 - crm.url.length)}`,
    channels: [HOSTILE],
  }).expect(200);
  await publish("message.created", { note: HOSTILE }, { channel: HOSTILE });
  const event = await publish("order.created", { note: HOSTILE }, { channel: HOSTILE });
  const dead = await delivery(event, webhooks.billing, "dead");
  const { body } = await post("webhooks.retry_dead", { id: webhooks.billing }).expect(200);
  views = [
    "/",
    "/webhooks",
    `/webhooks/${webhooks.billing}`,
    "/events",
    `/events/${event}`,
    "/deliveries",
    `/deliveries?webhook_id=${webhooks.billing}`,
    `/deliveries/${dead.id}`,
    "/replays",
    `/replays/${body.replay_id}`,
    "/event-types",
    "/event-types/order.created",
    "/keys",
    "/find?q=order",
    "/nowhere",
  ];
});

/** Signs in as an admin, who sees all there is. */
const open = (address: string) => stand.open(address, { key: stand.service.adminKey });
const ours = (view: string) => `/@${stand.scene.tenant}${view}`;

/** Waits until a view stands: nothing is being read any more. */
const settled = async (page: Page) => {
  await page.evaluate(DRAWN);
  await page.locator("main h1").waitFor();
  await page.locator("main [aria-busy]").first().waitFor({ state: "detached" });
};

const visit = async (page: Page, address: string) => {
  await goTo(page, address);
  await settled(page);
};

type Trouble = string;

type Appearance = { colorScheme: "light" | "dark"; width: number };

const LOOKS: Appearance[] = [
  { colorScheme: "light", width: 1280 },
  { colorScheme: "dark", width: 320 },
  { colorScheme: "dark", width: 1280 },
  { colorScheme: "light", width: 320 },
];

/** What is wrong with the page as it stands: in each of these looks, of which the first two hold every colour and width. */
const judge = async (page: Page, where: string, looks = LOOKS.slice(0, 2)): Promise<Trouble[]> => {
  const found: Trouble[] = [];
  // It stays in the page.
  if ((await page.evaluate("typeof axe")) === "undefined")
    await new AxeBuilder({ page }).setLegacyMode().withRules(["document-title"]).analyze();
  for (const { colorScheme, width } of looks) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 900 });
    const troubles = await page.evaluate<string[]>(troublesOf(colorScheme));
    found.push(...troubles.map((each) => `${where}, ${colorScheme}, ${width}: ${each}`));
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  return found;
};

describe("axe finds nothing, light and dark, at 1280 and 320 pixels, and nothing scrolls sideways", () => {
  test("with rows", async () => {
    const page = await open(ours("/"));
    const found: Trouble[] = [];
    for (const view of views) {
      await visit(page, ours(view));
      found.push(...(await judge(page, view, LOOKS)));
    }
    expect(found).toEqual([]);
    expect(await page.title()).not.toBe("owned");
  }, 600_000);

  test("with each dialog that a view's buttons open", async () => {
    const page = await open(ours("/"));
    const found: Trouble[] = [];
    const opened: string[] = [];
    for (const view of views) {
      await visit(page, ours(view));
      const buttons = page.locator(".view-actions button:enabled");
      const names = await buttons.allInnerTexts();
      for (const name of names) {
        const button = buttons.filter({ hasText: name }).first();
        if ((await button.count()) === 0) continue; // another one has done something at once
        await button.click();
        const dialog = page.getByRole("dialog");
        if (
          !(await dialog.waitFor({ timeout: 5_000 }).then(
            () => true,
            () => false,
          ))
        )
          continue;
        opened.push(name);
        found.push(...(await judge(page, `${view}: ${name}`)));
        await page.keyboard.press("Escape");
        await dialog.waitFor({ state: "hidden" });
        await until(
          () => page.evaluate<string>("document.activeElement.textContent"),
          (text) => text.includes(name),
        );
      }
    }
    expect(found).toEqual([]);
    expect(opened.length).toBeGreaterThan(4);
    expect(opened).toEqual(
      expect.arrayContaining(["Make a key", "Erase", "Replay", "New portal link"]),
    );
  }, 600_000);

  test("empty, failed, and the sign-in", async () => {
    const found: Trouble[] = [];
    const lists = ["/", "/webhooks", "/events", "/deliveries", "/replays", "/event-types", "/keys"];
    const signIn = await stand.openUnsigned("/");
    await signIn.getByLabel("API key").waitFor();
    found.push(...(await judge(signIn, "sign-in")));
    const page = await open("/@nobody/");
    for (const view of lists) {
      await visit(page, `/@nobody${view}`);
      found.push(...(await judge(page, `${view}, empty`)));
    }
    await page.route("**/trpc/**", (route) => route.abort());
    for (const view of lists) {
      await goTo(page, `/@away${view}`);
      await page.getByText("The service does not answer").first().waitFor();
      found.push(...(await judge(page, `${view}, failed`)));
    }
    expect(found).toEqual([]);
  }, 600_000);
});
