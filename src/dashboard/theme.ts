// How the page looks: as the system does, or as `?theme=light` or `dark` says. Nothing is stored.
import type { MantineColorScheme, MantineColorSchemeManager } from "@mantine/core";

const wanted = new URLSearchParams(location.search).get("theme");

export const colorScheme: MantineColorScheme =
  wanted === "light" || wanted === "dark" ? wanted : "auto";

/** Tells Mantine the scheme without its storage. */
export const schemeManager: MantineColorSchemeManager = {
  get: () => colorScheme,
  set: () => {},
  subscribe: () => {},
  unsubscribe: () => {},
  clear: () => {},
};
