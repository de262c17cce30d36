// Signing in and out, and what becomes of a key.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { caller, type Call } from "../helpers/api.ts";
import { signIn } from "../helpers/browser.ts";
import { useService } from "../helpers/dashboard.ts";
import { startPrefixProxy, type PrefixProxy } from "../helpers/prefix-proxy.ts";

const stand = useService();
let proxy: PrefixProxy;
let post: Call;
let keys: Record<"read" | "manage" | "publish", { id: string; key: string }>;

beforeAll(async () => {
  proxy = await startPrefixProxy(stand.service.url, "/posthorn");
  post = caller(stand.service);
  const make = async (scope: string) =>
    (await post("keys.create", { name: `a ${scope} key`, scope, tenant: "acme" }).expect(200)).body;
  keys = { read: await make("read"), manage: await make("manage"), publish: await make("publish") };
});
afterAll(() => proxy.close());

const open = (url = `${stand.service.url}/dashboard/`) => stand.visit(url);

describe("the key", () => {
  test("is the first field, Enter sends it, and it survives a reload of its tab", async () => {
    const page = await open(`${stand.service.url}/dashboard`);
    expect(page.url()).toBe(`${stand.service.url}/dashboard/`);
    await page.getByLabel("API key").waitFor();
    await page.keyboard.type(keys.read.key); // the focus is there
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(page.url()).not.toContain(keys.read.key);
  });

  test("that is wrong, or may only publish, is told so and opens nothing", async () => {
    const page = await open();
    for (const [key, told] of [
      ["a-wrong-key", "This key is not valid"],
      [keys.publish.key, "may only publish"],
    ] as const) {
      await page.getByLabel("API key").fill(key);
      await page.keyboard.press("Enter");
      await page.getByText(told).waitFor();
      expect(await page.getByRole("navigation").count()).toBe(0);
    }
  });

  test("is gone after signing out, after a reload too", async () => {
    const page = await open();
    await signIn(page, keys.read.key);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    await page.reload();
    await page.getByLabel("API key").waitFor();
    expect(
      await page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])"),
    ).toBe("[{},{}]");
  });

  test("that is revoked meanwhile asks for another over the view, which stays", async () => {
    const { body } = await post("keys.create", { name: "short", scope: "read", tenant: "acme" });
    const page = await open(`${stand.service.url}/dashboard/#/webhooks?health=failing`);
    await signIn(page, body.key);
    await page.getByText("No webhooks match these filters").waitFor();
    await page.getByLabel("Refresh every").selectOption("2");
    await post("keys.revoke", { id: body.id }).expect(200);
    await page.getByRole("dialog", { name: "Sign in again" }).waitFor();
    expect(await page.getByText("No webhooks match these filters").count()).toBe(1);
    await page.getByLabel("API key").fill(keys.read.key);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(page.url()).toContain("#/webhooks?health=failing");
  });
});

describe("a new tab", () => {
  const newTab = async (url?: string) => {
    const page = await open(url);
    await signIn(page, keys.read.key);
    const [tab] = await Promise.all([
      page.context().waitForEvent("page"),
      page
        .getByRole("navigation")
        .getByRole("link", { name: "Webhooks" })
        .click({ modifiers: ["ControlOrMeta"] }),
    ]);
    return { page, tab };
  };

  test("that one of the page's links opens is signed in, and neither address holds the key", async () => {
    const { page, tab } = await newTab();
    await tab.getByRole("heading", { name: "Webhooks" }).waitFor();
    for (const each of [page, tab]) expect(each.url()).toMatch(/\/dashboard\/#\/(webhooks)?$|\/$/);
    const link = page.getByRole("navigation").getByRole("link", { name: "Webhooks" });
    expect(await link.getAttribute("href")).toBe("#/webhooks");
  });

  test("learns nothing by asking without having been opened by a link", async () => {
    const page = await open();
    await signIn(page, keys.read.key);
    const stranger = await page.context().newPage();
    await stranger.goto(`${stand.service.url}/healthz`);
    const heard = stranger.evaluate(`new Promise((resolve) => {
      const channel = new BroadcastChannel("posthorn");
      const heard = [];
      channel.onmessage = ({ data }) => heard.push(JSON.stringify(data));
      channel.postMessage({ ask: "00".repeat(16) });
      setTimeout(() => resolve(heard.join("")), 1500);
    })`);
    await page
      .getByRole("navigation")
      .getByRole("link", { name: "Webhooks" })
      .click({ modifiers: ["ControlOrMeta"] });
    const said = String(await heard); // what the two tabs said to each other, too
    expect(said).not.toContain(keys.read.key);
    expect(said).not.toContain(Buffer.from(keys.read.key).toString("hex"));
  });

  test("asks for the key where a proxy has put a path before: others share the origin", async () => {
    const { tab } = await newTab(`${proxy.url}/dashboard/`);
    await tab.getByLabel("API key").waitFor();
    expect(tab.url()).toBe(`${proxy.url}/dashboard/#/webhooks`);
    expect(await tab.evaluate("sessionStorage.length")).toBe(0);
  });
});

test("what a scope may not do is not offered", async () => {
  const page = await open();
  await signIn(page, keys.manage.key);
  const names = await page.getByRole("navigation").getByRole("link").allInnerTexts();
  expect(names).toEqual(["Overview", "Webhooks", "Events", "Deliveries", "Event types"]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, stand.service.adminKey);
  await page.getByRole("navigation").getByRole("link", { name: "Keys" }).waitFor();
});

test("a service that is away when the tab is reloaded is told, and tried again without the key being typed", async () => {
  const page = await open();
  await signIn(page, keys.read.key);
  await page.route("**/trpc/**", (route) => route.abort());
  await page.reload();
  await page.getByText("The service does not answer").waitFor();
  await page.unroute("**/trpc/**");
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
});

test("on plain HTTP, on a name that is not localhost, all of it works", async () => {
  const named = stand.service.url.replace("127.0.0.1", "posthorn.test");
  const page = await open(`${named}/dashboard/`);
  expect(await page.evaluate("isSecureContext")).toBe(false);
  await signIn(page, keys.manage.key);
});
