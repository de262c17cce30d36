// docs/publishing-by-language.md: what it says of Python, run against a database.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect } from "@jest/globals";
import pg from "pg";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { createTestDatabase, type TestDatabase } from "../../helpers/database.ts";
import { ROOT } from "../../helpers/process.ts";
import { testWith } from "../../helpers/programs.ts";
import { pythonWith } from "../../helpers/python.ts";

const testIf = testWith({ python3: ["-c", "import ensurepip, venv"] });

const DJANGO = `
from urllib.parse import parse_qs, urlsplit
from django.conf import settings
url = urlsplit(DATABASE_URL)
query = {name: values[0] for name, values in parse_qs(url.query).items()}
settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:],
    "USER": query["user"], "HOST": query["host"], "PORT": query["port"],
}})
`;

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.url);
  await client.connect();
  await client.query("create table orders (id integer primary key, item text)");
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

for (const [n, name, setUp] of [
  [1, "psycopg", ""],
  [2, "SQLAlchemy", ""],
  [3, "Django", DJANGO],
] as const)
  testIf(
    `what the page says for ${name} commits an order with its event, and where it raises neither`,
    async () => {
      const page = await readFile(join(ROOT, "docs/publishing-by-language.md"), "utf8");
      const snippet =
        page.split(`\n### ${name}\n`)[1]?.split("```python\n")[1]?.split("```")[0] ?? "";
      const python = await pythonWith(
        join(ROOT, "test/e2e/languages/requirements.txt"),
        join(ROOT, ".cache/languages"),
      );
      const run = (code: string) =>
        promisify(execFile)(python, [
          "-c",
          `import sys\nDATABASE_URL = sys.argv[1]\n${setUp}${code}`,
          postgresUrl(),
        ]);
      const { stdout } = await run(`${snippet}\nprint(event_id)`);
      const refused = snippet
        .replace("message.created", "no.such.type")
        .replaceAll(`${n}, "`, `${n + 10}, "`);
      await expect(run(refused)).rejects.toThrow("no.such.type");

      const { rows } = await client.query<{ id: string; channel: string }>(
        `select e.id, e.channel, p.payload from posthorn.v_events as e
         join posthorn.event_payloads as p on posthorn.public_id('evt', p.id) = e.id
         where p.payload::json ->> 'order' = $1`,
        [String(n)],
      );
      expect(rows).toEqual([{ id: stdout.trim(), channel: "shop", payload: `{"order": ${n}}` }]);
      const orders = await client.query("select id from orders where id % 10 = $1", [n]);
      expect(orders.rows).toEqual([{ id: n }]);
    },
    2 * MINUTE, // the first installs
  );

function postgresUrl(): string {
  return database.url.replace(/^postgresql:/, "postgres:");
}
