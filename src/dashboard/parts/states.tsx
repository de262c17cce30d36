// The four ways in which there can be nothing to see, which differ: none yet, no match, failed, older than what is kept.
import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import type { Failure } from "../api/failure.ts";
import "./states.css";

type EmptyProps = { title: string; children?: ReactNode; action?: ReactNode };

/** A place without anything in it: what it is, and what to do next. */
export function Empty({ title, children, action }: EmptyProps) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children && <div className="empty-text">{children}</div>}
      {action && <div className="empty-action">{action}</div>}
    </div>
  );
}

/** Nothing fits what is filtered for. */
export function NoMatch({ what, onClear }: { what: string; onClear(): void }) {
  return (
    <Empty
      title={`No ${what} match these filters`}
      action={
        <Button variant="default" size="xs" onClick={onClear}>
          Clear filters
        </Button>
      }
    />
  );
}

/** It could not be read. */
export function Failed({ failure, onRetry }: { failure: Failure; onRetry?(): void }) {
  return (
    <div className="failed" role="alert">
      <p>
        {failure.message}
        {failure.requestId && <span className="request-id"> Request {failure.requestId}</span>}
      </p>
      {onRetry && (
        <Button variant="default" size="xs" onClick={onRetry}>
          Retry
        </Button>
      )}
    </div>
  );
}

/** It was kept once, and is no more. */
export function TooOld({ days, onClear }: { days: number; onClear(): void }) {
  return (
    <Empty
      title={`Older than ${days} days`}
      action={
        <Button variant="default" size="xs" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      What is older than the retention of {days} days has been dropped. It can’t be shown any more.
    </Empty>
  );
}

/** It is on its way. */
export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p className="loading" aria-busy="true">
      {what}…
    </p>
  );
}
