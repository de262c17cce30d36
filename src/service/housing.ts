// Where the service runs, unless it is a process of its own.
import type { Scrape } from "../metrics/sum.ts";

/** All of it may be left out. */
export type Housing = {
  /** Whether it listens on HOST and PORT; else its `app` is what there is of it. */
  listens?: boolean;
  /** In somebody else's process: no signal is handled. */
  guest?: boolean;
  /** How long a publish waits while the database is away, and so for how long the process is ready without it. */
  waitMs?: number;
  /** What has looked at HOST and PORT, runs the embedded database (at `embeddedUrl`), and adds up what all its processes tell. */
  supervisor?: { embeddedUrl: string | null; scrape(): Promise<Scrape> };
};
