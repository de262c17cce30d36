// A view's filters, which stand in its address: what is chosen survives a reload, and can be sent to somebody.
import { useMemo } from "react";
import { useLocation, useSearch } from "wouter";

import { addressQuery } from "./hash.ts";

export type Filters = {
  /** What is chosen by name; what is not is "". */
  get(name: string): string;
  /** As the operations take it: undefined where nothing is chosen. */
  given(name: string): string | undefined;
  set(changes: Record<string, string | undefined>): void;
  clear(): void;
  /** Whether anything is chosen. */
  isSet: boolean;
};

/** Reads and writes the filters of these names. */
export function useFilters(names: readonly string[]): Filters {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const write = (changes: Record<string, string | undefined>) => {
    // As it is now, not when this was drawn: what was looked up meanwhile changes one filter, and keeps the others.
    const now = Object.fromEntries(new URLSearchParams(addressQuery()));
    const next = new URLSearchParams();
    // In the order of the names, whichever was chosen first: the same filters are the same address.
    for (const name of new Set([...names, ...Object.keys({ ...now, ...changes })])) {
      const value = name in changes ? changes[name] : now[name];
      if (value) next.set(name, value);
    }
    const text = next.toString();
    navigate(text === "" ? path : `${path}?${text}`, { replace: true });
  };
  return {
    get: (name) => params.get(name) ?? "",
    given: (name) => params.get(name) || undefined,
    set: write,
    clear: () => write(Object.fromEntries(names.map((name) => [name, undefined]))),
    isSet: names.some((name) => params.get(name)),
  };
}
