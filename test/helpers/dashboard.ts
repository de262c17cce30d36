// What a file of tests of the dashboard shares: one service, one browser, one scene. A test's pages fail it where something
// went wrong in one of them; where somebody is signed in, the next test takes the page over, loaded anew.
import { afterAll, afterEach, beforeAll, expect } from "@jest/globals";
import type { Browser, Page } from "playwright-core";

import { look, signIn, startBrowser, type Look, type LookOptions } from "./browser.ts";
import { setScene, type Scene } from "./scene.ts";
import { startTestService, type TestService } from "./service.ts";

type Opening = {
  /** Who signs in, if not an admin, or with a scene who may manage. */
  key?: string;
  /** Where, if not at the service itself; its page is not taken over. */
  base?: string;
  /** With a clock that can be moved on: `page.clock`. */
  hasClock?: boolean;
};

export type Stand = {
  service: TestService;
  browser: Browser;
  /** Opens an address and signs in. */
  open(address: string, options?: Opening): Promise<Page>;
  /** Opens an address of its own, and leaves what is asked there unanswered. */
  openUnsigned(address: string, base?: string): Promise<Page>;
  /** Opens any URL. */
  visit(url: string, options?: LookOptions): Promise<Page>;
  /** What went wrong in the pages of this test so far, which then fails it no more. */
  forgive(): string[];
};

type Settings = { overrides?: Record<string, string>; role?: "serve" | "api" };

/** Starts a service and a browser before the file's tests; what they are is known within those. */
export function useService({ overrides, role = "api" }: Settings = {}): Stand {
  const opened = new Map<Look, string | undefined>(); // by this test; of who is signed in there
  const left = new Map<string, Look>(); // by tests before

  const open = async (url: string, options?: LookOptions, who?: string) => {
    const seen = await look(stand.browser, url, options);
    opened.set(seen, who);
    return seen.page;
  };
  const takeOver = async (seen: Look, who: string, address: string) => {
    left.delete(who);
    opened.set(seen, who);
    const { page } = seen;
    await page.unrouteAll();
    await page.evaluate(`history.replaceState(null, "", ${JSON.stringify(`#${address}`)})`);
    await page.reload({ waitUntil: "commit" });
    await page.getByRole("navigation", { name: "Views" }).waitFor();
    return page;
  };
  const stand = {
    open: async (address, { key = stand.service.adminKey, base, hasClock = false } = {}) => {
      const who = base === undefined ? `${key} ${String(hasClock)}` : undefined;
      const before = left.get(who ?? "");
      if (who !== undefined && before) return takeOver(before, who, address);
      const url = `${base ?? stand.service.url}/dashboard/#${address}`;
      const page = await open(url, { hasClock }, who);
      await signIn(page, key);
      return page;
    },
    openUnsigned: (address, base = stand.service.url) => open(`${base}/dashboard/#${address}`),
    visit: (url, options) => open(url, options),
    forgive: () => [...opened.keys()].flatMap(({ troubles }) => troubles.splice(0)),
  } as Stand;

  beforeAll(async () => {
    [stand.service, stand.browser] = await Promise.all([
      startTestService(overrides, { role }),
      startBrowser(),
    ]);
  });
  afterEach(async () => {
    const troubles = stand.forgive();
    for (const [seen, who] of opened)
      if (who === undefined || left.has(who)) await seen.close();
      else left.set(who, seen);
    opened.clear();
    expect(troubles).toEqual([]);
  });
  afterAll(async () => {
    await stand.browser.close();
    await stand.service.stop();
  });
  return stand;
}

/** The same with workers that send, and a customer's webhooks. */
export function useDashboard(): Stand & { scene: Scene } {
  const stand = useService({ role: "serve" }) as Stand & { scene: Scene };
  const { open } = stand;
  stand.open = (address, options) => open(address, { key: stand.scene.manageKey, ...options });
  beforeAll(async () => {
    stand.scene = await setScene(stand.service);
  });
  afterAll(() => stand.scene.close());
  return stand;
}
