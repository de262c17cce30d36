// docs/publishing-by-language.md and docs/ci.md: what they say of Python, run against a database.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect } from "@jest/globals";
import pg from "pg";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { createTestDatabase, type TestDatabase } from "../../helpers/database.ts";
import { startDatabaseProxy } from "../../helpers/database-proxy.ts";
import { posthornProgram, ROOT } from "../../helpers/process.ts";
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
    5 * MINUTE, // the first installs
  );

testIf(
  "with Django's test runner as docs/ci.md has it, a test publishes in the test's database and leaves nothing behind",
  async () => {
    const page = await readFile(join(ROOT, "docs/ci.md"), "utf8");
    const runner = page.split("```python\n")[1]?.split("```")[0] ?? "";
    const python = await pythonWith(
      join(ROOT, "test/e2e/languages/requirements.txt"),
      join(ROOT, ".cache/languages"),
    );
    const project = await mkdtemp(join(tmpdir(), "posthorn-django-"));
    const proxy = await startDatabaseProxy(database.url); // over TCP, as a service of CI's is reached
    try {
      const { port, user = "" } = new pg.Client(proxy.url);
      const files = {
        "app/__init__.py": "",
        "app/testing.py": runner,
        "app/tests.py": DJANGO_TESTS,
        "settings.py": djangoSettings(port, user),
        "node_modules/.bin/posthorn": `#!/bin/sh\nexec "${process.execPath}" "${await posthornProgram()}" "$@"\n`,
      };
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(project, name)), { recursive: true });
        await writeFile(join(project, name), text, { mode: 0o755 });
      }
      const env = { ...process.env, DJANGO_SETTINGS_MODULE: "settings", PYTHONPATH: project };
      const { stderr } = await promisify(execFile)(
        python,
        ["-m", "django", "test", "app", "--noinput"],
        { cwd: project, env },
      );
      expect(stderr).toMatch(/Ran 2 tests[^]*OK/);
    } finally {
      await proxy.close();
      await rm(project, { recursive: true });
    }
  },
  5 * MINUTE,
);

// Each sees its own event alone: what the other published was rolled back.
const DJANGO_TESTS = `
from django.db import connection
from django.test import TestCase

class Publishing(TestCase):
    def publish(self):
        with connection.cursor() as cursor:
            cursor.execute("select posthorn.publish('message.created', '1')")
            cursor.execute("select count(*) from posthorn.v_events")
            self.assertEqual(cursor.fetchone()[0], 1)

    def test_one(self):
        self.publish()

    def test_another(self):
        self.publish()
`;

const djangoSettings = (port: number, user: string) => `
SECRET_KEY = "x"
TEST_RUNNER = "app.testing.Runner"
INSTALLED_APPS = ["app"]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": "app_${process.pid}",
    "USER": "${user}", "HOST": "127.0.0.1", "PORT": "${port}",
}}
`;

function postgresUrl(): string {
  return database.url.replace(/^postgresql:/, "postgres:");
}
