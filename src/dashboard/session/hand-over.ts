// Hands the key to a tab that one of the page's own links opens, without storing it. The link carries a name and as many
// random bytes as the key has; the new tab asks by the name, and is answered once with the key XOR those bytes, so that
// whoever else listens on the channel learns nothing.
import { fromHex, randomBytes, toHex } from "../chance.ts";
import { standsAlone } from "./keeper.ts";

const CHANNEL = "posthorn";
const NAME_BYTES = 16;
const KEY_BYTES_MAX = 512; // longer ones would make links that a browser cuts
const OFFER_MS = 10_000;
const ANSWER_MS = 1_000; // the other tab may be in the background
const MARK = /~([0-9a-f]+)$/;

type Ask = { ask: string };
type Answer = { answer: string; sealed: string };

/** In a new tab: the key, where the link that opened it carries an offer. */
export function takeOver(): Promise<string | null> {
  const offer = MARK.exec(location.hash)?.[1];
  if (offer === undefined) return Promise.resolve(null);
  history.replaceState(null, "", location.hash.replace(MARK, ""));
  if (!standsAlone) return Promise.resolve(null);
  const name = offer.slice(0, NAME_BYTES * 2);
  const pad = fromHex(offer.slice(NAME_BYTES * 2));
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise<string | null>((resolve) => {
    setTimeout(() => resolve(null), ANSWER_MS);
    channel.onmessage = ({ data }: MessageEvent<Partial<Answer>>) => {
      if (data.answer !== name || data.sealed === undefined) return;
      resolve(new TextDecoder().decode(xor(fromHex(data.sealed), pad)));
    };
    channel.postMessage({ ask: name } satisfies Ask);
  }).finally(() => channel.close());
}

/** Marks each link that is opened in a new tab, for as long as the press lasts. Answers what ends it. */
export function offerToNewTabs(currentKey: () => string | null): () => void {
  if (!standsAlone) return () => {};
  const onPress = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#/']") : null;
    const key = currentKey();
    if (!(link instanceof HTMLAnchorElement) || key === null || !opensTab(event)) return;
    const bytes = new TextEncoder().encode(key);
    if (bytes.length > KEY_BYTES_MAX) return;
    const href = link.getAttribute("href") ?? "";
    const name = toHex(randomBytes(NAME_BYTES));
    const pad = randomBytes(bytes.length);
    link.setAttribute("href", `${href}~${name}${toHex(pad)}`);
    setTimeout(() => link.setAttribute("href", href)); // after the browser has read it
    answerOnce(name, toHex(xor(bytes, pad)));
  };
  for (const kind of ["click", "auxclick"] as const)
    document.addEventListener(kind, onPress, { capture: true });
  return () => {
    for (const kind of ["click", "auxclick"] as const)
      document.removeEventListener(kind, onPress, { capture: true });
  };
}

function opensTab({ button, ctrlKey, metaKey, shiftKey }: MouseEvent): boolean {
  return button === 1 || (button === 0 && (ctrlKey || metaKey || shiftKey));
}

function answerOnce(name: string, sealed: string): void {
  const channel = new BroadcastChannel(CHANNEL);
  const end = setTimeout(() => channel.close(), OFFER_MS);
  channel.onmessage = ({ data }: MessageEvent<Partial<Ask>>) => {
    if (data.ask !== name) return;
    channel.postMessage({ answer: name, sealed } satisfies Answer);
    clearTimeout(end);
    channel.close();
  };
}

function xor(bytes: Uint8Array, pad: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => byte ^ (pad[index] ?? 0));
}
