// docs/publishing-by-language.md: what it says of Go, Java, Ruby and PHP, run against a database.
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect } from "@jest/globals";
import pg from "pg";

import { MINUTE } from "../../../src/kernel/duration.ts";
import { createTestDatabase, type TestDatabase } from "../../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../../helpers/database-proxy.ts";
import { ROOT } from "../../helpers/process.ts";
import { BRIEFLY, testWith, WITHOUT_C } from "../../helpers/programs.ts";

const JDBC = "/usr/share/java/postgresql.jar"; // of Debian's libpostgresql-jdbc-java
const withGo = testWith({ go: ["version"] });
const withJava = testWith({ javac: ["-version"], test: ["-e", JDBC] });
const withRuby = testWith({ ruby: ["-e", 'require "pg"'] });
const withPhp = testWith({ php: ["-r", 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);'] });

let database: TestDatabase;
let proxy: DatabaseProxy; // over TCP, which JDBC alone knows, and PDO's names of hosts have no socket's folder
let client: pg.Client;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startDatabaseProxy(database.url);
  client = new pg.Client(database.url);
  await client.connect();
  await client.query("create table orders (id integer primary key, item text)");
  folder = await mkdtemp(join(tmpdir(), "posthorn-languages-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await client.end();
  await proxy.close();
  await database.drop();
});

const run = (program: string, args: string[]) =>
  promisify(execFile)(program, args, {
    cwd: folder,
    env: { ...process.env, ...WITHOUT_C, GOFLAGS: "-mod=mod" },
  });

async function snippet(heading: string, language: string): Promise<string> {
  const page = await readFile(join(ROOT, "docs/publishing-by-language.md"), "utf8");
  return page.split(`\n## ${heading}\n`)[1]?.split(`\`\`\`${language}\n`)[1]?.split("```")[0] ?? "";
}

/** Runs it as it stands, and for a type that there is not: an order comes with its event, or neither does. */
async function expectBothOrNeither(
  order: number,
  code: string,
  runCode: (code: string) => Promise<{ stdout: string }>,
): Promise<void> {
  const { stdout } = await runCode(code);
  const refused = code
    .replace("message.created", "no.such.type")
    .replace(new RegExp(`\\b${order}, (?=["'])`), `${order + 10}, `)
    .replace(`(1, ${order})`, `(1, ${order + 10})`);
  await expect(runCode(refused)).rejects.toThrow("no.such.type");
  const { rows } = await client.query<{ id: string }>(
    "select id, channel, payload::json ->> 'order' as order from posthorn.v_events where payload::json ->> 'order' = $1",
    [String(order)],
  );
  expect(rows).toEqual([{ id: stdout.trim(), channel: "shop", order: String(order) }]);
  const orders = await client.query("select id from orders where id % 10 = $1", [order]);
  expect(orders.rows).toEqual([{ id: order }]);
}

withGo(
  "what the page says for Go commits an order with its event, and where it fails neither",
  async () => {
    for (const name of ["go.mod", "go.sum"])
      await copyFile(join(ROOT, "test/e2e/languages/go", name), join(folder, name));
    await expectBothOrNeither(4, await snippet("Go (pgx)", "go"), async (code) => {
      await writeFile(join(folder, "main.go"), goProgram(code));
      await run("go", ["build", "-o", "app", "."]);
      return run(join(folder, "app"), [database.url]);
    });
  },
  15 * MINUTE, // the first downloads and compiles the driver
);

withJava(
  "what the page says for Java commits an order with its event, and where it throws neither",
  async () => {
    const { port, user = "", database: name = "" } = new pg.Client(proxy.url);
    const url = `jdbc:postgresql://127.0.0.1:${port}/${name}?user=${user}&sslmode=disable`;
    await expectBothOrNeither(6, await snippet("Java (JDBC)", "java"), async (code) => {
      await writeFile(join(folder, "App.java"), javaProgram(code));
      return run("java", [...BRIEFLY, "-cp", JDBC, "App.java", url]);
    });
  },
  5 * MINUTE,
);

withRuby(
  "what the page says for Ruby commits an order with its event, and where it raises neither",
  () =>
    snippet("Ruby (pg)", "ruby").then((ruby) =>
      expectBothOrNeither(5, ruby, (code) =>
        run("ruby", ["-r", "json", "-r", "pg", "-e", rubyProgram(code), database.url]),
      ),
    ),
  5 * MINUTE,
);

withPhp(
  "what the page says for PHP commits an order with its event, and where it throws neither",
  async () => {
    const { port, user = "", database: name = "" } = new pg.Client(proxy.url);
    const dsn = `pgsql:host=127.0.0.1;port=${port};dbname=${name};user=${user};sslmode=disable`;
    await expectBothOrNeither(7, await snippet("PHP (PDO)", "php"), (code) =>
      run("php", ["-d", "display_errors=stderr", "-r", phpProgram(code), dsn]),
    );
  },
  5 * MINUTE,
);

const rubyProgram = (code: string) => `connection = PG.connect(ARGV[0])
${code}
puts event_id`;

const phpProgram = (code: string) => `$pdo = new PDO($argv[1]);
${code}
echo $eventId;`;

const goProgram = (code: string) => `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func publish(ctx context.Context, pool *pgxpool.Pool) (string, error) {
	var eventID string
${code}
	return eventID, err
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Args[1])
	if err == nil {
		var eventID string
		if eventID, err = publish(ctx, pool); err == nil {
			fmt.Println(eventID)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
`;

const javaProgram = (code: string) => `import java.sql.*;
class App {
  public static void main(String[] arguments) throws Exception {
    String eventId = null;
    try (var connection = DriverManager.getConnection(arguments[0])) {
${code}
    }
    System.out.println(eventId);
  }
}
`;
