// The types of events that there are, for whoever picks of them.
import { useWhole } from "./queries.ts";
import type { Row } from "./operations.ts";

export type EventType = Row<"event_types.list">;

/** The types by name, as many as there are; empty until they are read. */
export function useCatalogue(): EventType[] {
  return useWhole("event_types.list", { once: true }).data ?? [];
}

/** What may stand in a webhook's `events`: each type, and each prefix that takes in several. */
export function choicesOf(types: EventType[]): string[] {
  const names = types.map(({ name }) => name);
  const prefixes = new Set(names.filter((name) => name.includes(".")).map(prefixOf));
  return [...prefixes, ...names];
}

/** The first type that these entries take in; all do where there are none. */
export function firstTakenIn(entries: string[], types: EventType[]): EventType | undefined {
  const isTaken = (name: string) =>
    entries.length === 0 ||
    entries.some((entry) =>
      entry.endsWith(".*") ? name.startsWith(entry.slice(0, -1)) : entry === name,
    );
  return types.find(({ name }) => isTaken(name));
}

const prefixOf = (name: string) => `${name.slice(0, name.lastIndexOf("."))}.*`;
