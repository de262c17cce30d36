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

export type Sample = { type: string; help: string; labels: string[]; ofDatabase: boolean };

/** What each metric is, by its name; those of the database come last, after the process's own. */
export function samplesOf(text: string): Record<string, Sample> {
  const found: Record<string, Sample> = {};
  let ofDatabase = false;
  for (const [, name = "", help = "", type = ""] of text.matchAll(
    /^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm,
  )) {
    ofDatabase ||= name === "posthorn_backlog_deliveries";
    const [, labelled = ""] = new RegExp(`^${name}\\{(.*)\\} `, "m").exec(text) ?? [];
    const labels = [...labelled.matchAll(/(\w+)="/g)].map(([, label = ""]) => label);
    found[name] = { type, help, labels, ofDatabase };
  }
  return found;
}
