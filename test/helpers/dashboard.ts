// What a file of tests of the dashboard shares: one service, one browser, one scene. Each test opens pages of its own, and
// fails where something went wrong in one of them.
import { afterAll, afterEach, beforeAll, expect } from "@jest/globals";
import type { Browser, Page } from "playwright-core";

import { look, signIn, startBrowser, type Look } from "./browser.ts";
import { setScene, type Scene } from "./scene.ts";
import { startTestService, type TestService } from "./service.ts";

export type Stand = {
  service: TestService;
  browser: Browser;
  scene: Scene;
  /** Opens an address and signs in; by the key that may manage, unless another is given. */
  open(address: string, options?: { key?: string; base?: string }): Promise<Page>;
  /** Opens an address, and leaves what is asked there unanswered. */
  openUnsigned(address: string, base?: string): Promise<Page>;
};

/** Makes them before the file's tests; what they are is known within those. */
export function useDashboard(overrides: Record<string, string> = {}): Stand {
  const looks: Look[] = [];
  const stand = {
    openUnsigned: async (address: string, base = stand.service.url) => {
      const opened = await look(stand.browser, `${base}/dashboard/#${address}`);
      looks.push(opened);
      return opened.page;
    },
    open: async (
      address: string,
      { key = stand.scene.manageKey, base }: { key?: string; base?: string } = {},
    ) => {
      const page = await stand.openUnsigned(address, base);
      await signIn(page, key);
      return page;
    },
  } as Stand;
  beforeAll(async () => {
    [stand.service, stand.browser] = await Promise.all([
      startTestService(overrides),
      startBrowser(),
    ]);
    stand.scene = await setScene(stand.service);
  });
  afterEach(async () => {
    const troubles = looks.flatMap((each) => each.troubles);
    await Promise.all(looks.splice(0).map((each) => each.close()));
    expect(troubles).toEqual([]);
  });
  afterAll(async () => {
    await stand.browser.close();
    await stand.service.stop();
    await stand.scene.close();
  });
  return stand;
}
