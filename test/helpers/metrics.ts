// Reads /metrics as Prometheus does.
import { ask } from "./ask.ts";

/** The text of a process's metrics. */
export async function scrape({ url }: { url: string }, key: string): Promise<string> {
  const { status, text } = await ask(`${url}/metrics`, { Authorization: `Bearer ${key}` });
  if (status !== 200) throw new Error(`${status} ${text}`);
  return text;
}

/** The value of a series, by its name and all its labels; undefined where it is absent. */
export function valueOf(
  text: string,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const head = wanted.length === 0 ? name : `${name}{${wanted.join(",")}}`;
  const line = text.split("\n").find((each) => each.startsWith(`${head} `));
  return line === undefined ? undefined : Number(line.slice(head.length + 1));
}
