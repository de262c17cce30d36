// Scrolls a long list, as fast as it is read, and tells what that takes.
import type { Page } from "playwright-core";

export type Scrolled = {
  rows: number;
  frame99Ms: number;
  frameMaxMs: number;
  /** What the page holds now more than before, after a collection. */
  heapBytes(): Promise<number>;
};

const ROW_PX = 40;

/** Scrolls the list of the view that is open until it holds so many rows, or has ended. */
export async function scroll(page: Page, rows: number): Promise<Scrolled> {
  const inspect = await page.context().newCDPSession(page);
  const heap = async () => {
    await inspect.send("HeapProfiler.collectGarbage");
    return (await inspect.send("Runtime.getHeapUsage")).usedSize;
  };
  const before = await heap();
  const told = await page.evaluate(`new Promise((resolve) => {
    const box = document.querySelector(".table-box");
    const frames = [];
    let last = performance.now();
    let still = last;
    const step = () => {
      const now = performance.now();
      frames.push(now - last);
      last = now;
      const top = box.scrollTop;
      box.scrollTop = box.scrollHeight;
      if (box.scrollTop !== top) still = now;
      const held = Math.round(box.scrollHeight / ${ROW_PX});
      if (held < ${rows} && now - still < 20_000) return requestAnimationFrame(step);
      frames.sort((a, b) => a - b);
      resolve([held, frames[Math.floor(frames.length * 0.99)], frames.at(-1)]);
    };
    requestAnimationFrame(step);
  })`);
  const [held = 0, frame99Ms = 0, frameMaxMs = 0] = told as number[];
  return { rows: held, frame99Ms, frameMaxMs, heapBytes: async () => (await heap()) - before };
}
