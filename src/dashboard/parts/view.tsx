// The frame of a view: its title, which takes the focus when one comes here, and what can be done.
import { useEffect, useRef, type ReactNode } from "react";

import "./view.css";

type ViewProps = {
  title: string;
  /** Instead of the title as text, where it is more. */
  heading?: ReactNode;
  actions?: ReactNode;
  /** Where it belongs: a link back to the list. */
  above?: { href: string; text: string };
  children: ReactNode;
};

let hasLooked = false; // the first view leaves the focus where the browser has put it

export function View({ title, heading, actions, above, children }: ViewProps) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Posthorn`;
  }, [title]);
  useEffect(() => {
    if (hasLooked) head.current?.focus({ preventScroll: true });
    hasLooked = true;
  }, []);
  return (
    <div className="view">
      <header className="view-head">
        <div className="view-title">
          {above && (
            <a className="view-above" href={above.href}>
              ‹ {above.text}
            </a>
          )}
          <h1 ref={head} tabIndex={-1}>
            {heading ?? title}
          </h1>
        </div>
        {actions && <div className="view-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a view, under a heading of its own. */
export function Section({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="section">
      <header className="section-head">
        <h2>{title}</h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

type FactsProps = {
  facts: [string, ReactNode][];
  /** For numbers, which take less room. */
  isNarrow?: boolean;
};

/** Names and what they are, in a grid. */
export function Facts({ facts, isNarrow = false }: FactsProps) {
  return (
    <dl className={isNarrow ? "facts is-narrow" : "facts"}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
