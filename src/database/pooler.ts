// A pooler by transactions on the way, as PgBouncer: each transaction gets some session of the server, and leaves it to others.
import pg from "pg";

export type Pooler = "transaction" | "transaction-named";

// Of the URL, so that whatever connects by it knows.
const PARAMETER = "posthorn_pooler";

/** The URL as it is connected by where it leads to a pooler; null for none. */
export function behindPooler(url: string, pooler: Pooler | null): string {
  if (pooler === null) return url;
  return `${url}${url.includes("?") ? "&" : "?"}${PARAMETER}=${pooler}`;
}

/** The pooler that a URL leads to, or undefined. */
export function poolerOf(url: string): Pooler | undefined {
  const [, found] = /[?&]posthorn_pooler=(transaction(?:-named)?)(?:&|$)/.exec(url) ?? [];
  return found as Pooler | undefined;
}

/** What makes the connections by a URL: where names would be another session's, statements go without. */
export function clientFor(url: string): { Client?: typeof pg.Client } {
  return poolerOf(url) === "transaction" ? { Client: NamelessClient } : {};
}

class NamelessClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...asked: unknown[]) => unknown;
    const withoutName = (asked: unknown) =>
      typeof asked === "object" && asked !== null && "name" in asked
        ? { ...asked, name: undefined }
        : asked;
    Object.assign(this, {
      query: (asked: unknown, ...more: unknown[]) => query(withoutName(asked), ...more),
    });
  }
}
