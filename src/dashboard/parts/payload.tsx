// Text of strangers and of machines, as it is: never parsed and printed again, so that no number changes; never a link.
import { Button } from "@mantine/core";
import { useState } from "react";

import { Copy } from "./copy.tsx";
import { visible } from "./text.ts";
import { number } from "./words.ts";
import "./payload.css";

const LINES_MAX = 2_000; // drawn at once; a tree of 256 KiB took 24 s where one <pre> takes 4
const CHARACTERS_MAX = 200_000; // of one long line there are no lines to count

export type PayloadProps = {
  text: string;
  /** What it is, for who listens or copies. */
  what: string;
  /** Sets JSON on lines of its own, its tokens untouched. */
  isJson?: boolean;
  /** Begins with it as it is. */
  isExact?: boolean;
};

/** Shows a text to its 2,000th line, and the rest when asked. */
export function Payload({ text, what, isJson = false, isExact = false }: PayloadProps) {
  const [isWhole, setWhole] = useState(false);
  const [isOnLines, setOnLines] = useState(isJson && !isExact);
  const shown = isOnLines ? onLines(text) : text;
  const cut = isWhole ? shown.length : endOf(shown);
  return (
    <div className="payload">
      <div className="payload-tools">
        {isJson && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOnLines(!isOnLines)}>
            {isOnLines ? "As it is" : "On lines"}
          </Button>
        )}
        <Copy text={text} what={what} isQuiet />
      </div>
      <pre tabIndex={0} role="region" aria-label={what}>
        {visible(shown.slice(0, cut))}
      </pre>
      {cut < shown.length && (
        <Button size="compact-xs" variant="default" onClick={() => setWhole(true)}>
          Show the rest, {number(shown.length - cut)} characters
        </Button>
      )}
    </div>
  );
}

function endOf(text: string): number {
  let end = -1;
  for (let line = 0; line < LINES_MAX; line++) {
    end = text.indexOf("\n", end + 1);
    if (end === -1) return Math.min(text.length, CHARACTERS_MAX);
  }
  return Math.min(end, CHARACTERS_MAX);
}

/** JSON with a line for each member. It is read sign by sign: parsed, 9007199254740993 would become another number. */
function onLines(json: string): string {
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  return json.replace(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (token) => {
    if (token.startsWith('"')) return token;
    if (/^\s/.test(token)) return "";
    if (token.length > 1) return token.replace(/\s/g, "");
    if (token === "{" || token === "[") return (depth++, token + line());
    if (token === "}" || token === "]") return (depth--, line() + token);
    return token === "," ? token + line() : token === ":" ? ": " : token;
  });
}
