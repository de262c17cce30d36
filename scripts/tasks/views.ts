// How long each view takes to stand, gone to by its address and opened anew: from then on until nothing is being read.
import type { Page } from "playwright-core";

/** A name, and the address. */
export type Viewed = [string, string];

/** Times these views, and answers a table of it and which took longer than they may. */
export async function timeViews(
  page: Page,
  views: Viewed[],
  maxMs: number,
): Promise<{ table: string; slow: string[] }> {
  const lines = ["| view | gone to, ms | opened anew, ms |", "|---|---:|---:|"];
  const slow: string[] = [];
  for (const [name, address] of views) {
    await page.evaluate(goTo("/nowhere"));
    const goneTo = await page.evaluate<number>(goTo(address));
    await page.reload({ waitUntil: "commit" });
    const opened = await page.evaluate<number>(STOOD);
    lines.push(`| ${name} | ${goneTo.toFixed(0)} | ${opened.toFixed(0)} |`);
    if (Math.max(goneTo, opened) > maxMs) slow.push(name);
  }
  return { table: lines.join("\n"), slow };
}

const STANDING = `async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(done));
  do await drawn();
  while (!document.querySelector("main h1") || document.querySelector("main [aria-busy]"));
}`;
const STOOD = `(${STANDING})().then(() => performance.now())`; // which counts from the page's own start
const goTo = (address: string) => `(async () => {
  const begun = performance.now();
  const went = new Promise((done) => addEventListener("hashchange", done, { once: true }));
  location.hash = ${JSON.stringify(address)};
  await went;
  await (${STANDING})();
  return performance.now() - begun;
})()`;
