// A text that others have chosen: a name, a channel, a URL. It is text and nothing else, whatever it holds.
import { visible } from "./text.ts";

/** Shows it on a line of its own direction; what it is whole stands in the title, where a line cuts it off. */
export function Stranger({ text, isMono = false }: { text: string; isMono?: boolean }) {
  const shown = visible(text);
  return (
    <span className={isMono ? "stranger mono" : "stranger"} title={shown}>
      {shown}
    </span>
  );
}
