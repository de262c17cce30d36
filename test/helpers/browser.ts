// A browser for the tests of the dashboard, which keeps what went wrong in a page: an error in its console, a violation of
// its policy, a request that left its origin.
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

import { findBrowser } from "./find-browser.mjs";

/** Starts it; one is enough for a file of tests. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error(NO_BROWSER);
  // Without its sandbox, which root and containers can't have; it sees the loopback alone.
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"],
  });
}

export const NO_BROWSER =
  "no Chromium was found: install it (Debian: apt-get install chromium), or name one by POSTHORN_TEST_BROWSER";

/** A page and what went wrong in it; each is a browser's user of its own. */
export type Look = { page: Page; troubles: string[]; close(): Promise<void> };

// What the browser says by itself: that a call was refused, of which a test looks at what the page made, and which headers
// go for nothing on plain HTTP.
const ITS_OWN = /^Failed to load resource|^The Cross-Origin-Opener-Policy header has been ignored/;

const TELL_VIOLATIONS = `addEventListener("securitypolicyviolation", (event) =>
  console.error("policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile));`;

/** Opens an address. */
export async function look(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Look> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  await context.addInitScript(TELL_VIOLATIONS);
  const troubles: string[] = [];
  const { origin } = new URL(url);
  context.on("console", (message) => {
    if (message.type() === "error" && !ITS_OWN.test(message.text())) troubles.push(message.text());
  });
  context.on("weberror", (error) => troubles.push(String(error.error())));
  context.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("data:"))
      troubles.push(`asked ${request.url()}`);
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(url);
  return { page, troubles, close: () => context.close() };
}

/** Signs in with a key, as somebody does who has it on the clipboard. */
export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Views" }).waitFor();
}

/** Goes to a view by its address, in the page that is open. */
export async function goTo(page: Page, address: string): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(address)}`);
}
