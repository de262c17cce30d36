// Headers, whose values stay hidden until somebody wants to see them: they may hold what opens a customer's door.
import { Button } from "@mantine/core";
import { useState } from "react";

import { Stranger } from "./stranger.tsx";

// What every request and answer has, and tells nothing about who sent it.
const PLAIN =
  /^(?:content-(?:type|length|encoding)|date|user-agent|retry-after|webhook-(?:id|timestamp|attempt|sequence))$/i;

type HeadersProps = { headers: Record<string, string>; of: string };

export function Headers({ headers, of }: HeadersProps) {
  const [isRevealed, setRevealed] = useState(false);
  const entries = Object.entries(headers);
  if (entries.length === 0) return <p className="dim">No headers</p>;
  const hidesSome = entries.some(([name]) => !PLAIN.test(name));
  return (
    <div className="headers">
      <dl>
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>
              <Stranger text={name} />
            </dt>
            <dd>
              {isRevealed || PLAIN.test(name) ? (
                <Stranger text={value} />
              ) : (
                <span className="dim">
                  <span aria-hidden="true">••••••••</span>
                  <span className="visually-hidden">hidden</span>
                </span>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {hidesSome && (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={`${isRevealed ? "Hide" : "Reveal"} the values of the headers of ${of}`}
          onClick={() => setRevealed(!isRevealed)}
        >
          {isRevealed ? "Hide values" : "Reveal values"}
        </Button>
      )}
    </div>
  );
}
