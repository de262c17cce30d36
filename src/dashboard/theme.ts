// How the page looks: as the system does, or as `?theme=light` or `dark` and `?accent=` say. Nothing is stored.
import type { MantineColorScheme, MantineColorSchemeManager } from "@mantine/core";

const wanted = new URLSearchParams(location.search);
const theme = wanted.get("theme");

export const colorScheme: MantineColorScheme =
  theme === "light" || theme === "dark" ? theme : "auto";

/** Tells Mantine the scheme without its storage. */
export const schemeManager: MantineColorSchemeManager = {
  get: () => colorScheme,
  set: () => {},
  subscribe: () => {},
  unsubscribe: () => {},
  clear: () => {},
};

type Color = [number, number, number];

const CONTRAST = 4.5; // WCAG AA, of text
const WHITE: Color = [255, 255, 255];
const BLACK: Color = [0, 0, 0];
const LIGHT_BACK: Color = [230, 234, 240];
const DARK_BACK: Color = [40, 50, 64];

/** Takes the accent of the address, made as dark or as light as its texts need to be read. */
export function applyAccent(root: HTMLElement): void {
  const accent = colorOf(wanted.get("accent") ?? "");
  if (!accent) return;
  const set = (name: string, color: Color) =>
    root.style.setProperty(name, `rgb(${color.map(Math.round).join(" ")})`);
  set("--own-accent", readable(accent, WHITE, BLACK));
  set("--own-accent-on-light", readable(accent, LIGHT_BACK, BLACK));
  set("--own-accent-on-dark", readable(accent, DARK_BACK, WHITE));
}

function colorOf(text: string): Color | null {
  const short = /^#?([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text)?.slice(1);
  if (short) return colorOf(short.map((each) => each + each).join(""));
  const [, red, green, blue] = /^#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text) ?? [];
  if (red === undefined || green === undefined || blue === undefined) return null;
  return [red, green, blue].map((each) => Number.parseInt(each, 16)) as Color;
}

function readable(color: Color, behind: Color, towards: Color): Color {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = color.map((each, at) => each + ((towards[at] ?? 0) - each) * share) as Color;
    if (contrast(mixed, behind) >= CONTRAST) return mixed;
  }
  return towards;
}

function contrast(one: Color, other: Color): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance(color: Color): number {
  const [red = 0, green = 0, blue = 0] = color.map((each) => {
    const share = each / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
