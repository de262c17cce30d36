// How something stands, by a word and a shape; the colour only helps.
import "./status.css";

const KINDS = {
  good: ["delivered", "ok", "done", "active", "sent"],
  busy: ["pending", "running", "retry", "waiting"],
  warn: ["failing", "paused", "resting", "held"],
  bad: ["dead", "disabled", "failed", "revoked", "expired"],
  still: ["cancelled", "unsubscribed", "not sent", "unknown"],
} as const;

type Kind = keyof typeof KINDS;

const SHAPES: Record<Kind, string> = {
  good: "M3 8.5 6.5 12 13 4.5",
  busy: "M8 4v4l3 2M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13",
  warn: "M8 2 14.5 13.5h-13ZM8 6.5v3M8 11.5v.1",
  bad: "M4 4l8 8M12 4l-8 8",
  still: "M3.5 8h9",
};

function kindOf(word: string): Kind {
  const isOf = (kind: Kind) => (KINDS[kind] as readonly string[]).includes(word.toLowerCase());
  return (Object.keys(KINDS) as Kind[]).find(isOf) ?? "still";
}

/** Shows a status; `kind` for a word that is not in the table. */
export function Status({ is, kind = kindOf(is) }: { is: string; kind?: Kind }) {
  return (
    <span className={`status status-${kind}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={SHAPES[kind]} />
      </svg>
      {is}
    </span>
  );
}
