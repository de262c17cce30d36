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

export type LookOptions = BrowserContextOptions & {
  /** Its time can be moved on, and goes by itself meanwhile. */
  hasClock?: boolean;
  /** What time it starts at, by its own clock. */
  time?: Date;
  /** What runs in each of its frames before all else. */
  script?: string;
  /** What it may ask beside its own origin. */
  origin?: string;
};

/** Opens an address. */
export async function look(
  browser: Browser,
  url: string,
  { hasClock = false, time, script, origin: other, ...options }: LookOptions = {},
): Promise<Look> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  await context.addInitScript(TELL_VIOLATIONS);
  if (script !== undefined) await context.addInitScript(script);
  const troubles: string[] = [];
  const origins = [new URL(url).origin, other];
  context.on("console", (message) => {
    if (message.type() === "error" && !ITS_OWN.test(message.text())) troubles.push(message.text());
  });
  context.on("weberror", (error) => troubles.push(String(error.error())));
  context.on("request", (request) => {
    const asked = new URL(request.url());
    if (!origins.includes(asked.origin) && asked.protocol !== "data:")
      troubles.push(`asked ${request.url()}`);
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  if (hasClock || time) await page.clock.install(time && { time });
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
