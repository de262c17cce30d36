// Names and addresses of the databases on the test run's server.

/** The migrated database that each test's own is copied from. */
export const TEMPLATE = "template_posthorn";

/** The URL of another database on the same server. */
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
