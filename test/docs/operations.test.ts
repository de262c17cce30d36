// What docs/operations says is so: the metrics are those that there are, and each alert fires in the trouble that it tells of, made
// here on the real service, and in no other.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import { parse, stringify } from "yaml";

import { attachSql, countDaysAhead, PARTITION_DAYS_AHEAD } from "../../src/database/partitions.ts";
import { caller, until } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { samplesOf, scrape, valueOf } from "../helpers/metrics.ts";
import { startPostgres, type Postgres } from "../helpers/postgres.ts";
import { testWith } from "../helpers/programs.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

type Rule = { alert: string; expr: string; for?: string; annotations: { runbook: string } };

const folder = fileURLToPath(new URL("../../docs/operations/", import.meta.url));
const read = (name: string) => readFile(join(folder, name), "utf8");
const promtool = (...args: string[]) => promisify(execFile)("promtool", args);
const promtoolTest = testWith({ promtool: ["--version"] });

let postgres: Postgres;
let service: TestService;
let inbox: Inbox;
let usDatabase: TestDatabase;
let us: DatabaseProxy;
let stranger: pg.Client;
let rules: Rule[];
let healthy: string;
let troubled = "";
let away: string;

// All troubles at once, in one service: each series shows its own.
beforeAll(async () => {
  rules =
    (parse(await read("alerts.yml")) as { groups: { rules: Rule[] }[] }).groups[0]?.rules ?? [];
  postgres = await startPostgres();
  usDatabase = await createTestDatabase();
  us = await startDatabaseProxy(usDatabase.url);
  const setting = {
    DATABASE_URL: postgres.url,
    POSTHORN_CELLS: `us=${us.url}`,
    POSTHORN_CONCURRENCY: "1",
  };
  service = await startTestService(setting);
  let post = caller(service);
  const { body } = await post("keys.create", { name: "x", scope: "metrics" }).expect(200);
  inbox = await startInbox(({ path }) => ({
    status: path.endsWith("gone") ? 410 : path.endsWith("bad") ? 500 : 200,
    ...(path.endsWith("hangs") && { until: new Promise(() => {}) }),
  }));
  const subscribe = async (channel: string, more = {}): Promise<string> => {
    const webhook = { url: `${inbox.url}/${channel}`, channels: [channel], retry_schedule_s: [] };
    return (await post("webhooks.subscribe", { ...webhook, ...more }).expect(200)).body.id;
  };
  const publish = (channel: string) =>
    post("events.publish", { type: "message.created", payload: 1, channel }).expect(200);
  await subscribe("good");
  await publish("good");
  stranger = new pg.Client({ connectionString: postgres.url });
  stranger.on("error", () => {});
  await stranger.connect();
  const ofUs = new pg.Client({ connectionString: usDatabase.url });
  await ofUs.connect();
  for (const each of [stranger, ofUs])
    await until(
      () => countDaysAhead(each),
      (days) => days >= PARTITION_DAYS_AHEAD,
    );
  await ofUs.end();
  healthy = await until(
    () => scrape(service, body.key),
    (text) => valueOf(text, "posthorn_settled_attempts_total") === 1,
  );

  // The retention meets an open transaction at its next start.
  await service.stop();
  const day = new Date("2020-01-01");
  await stranger.query(
    `create table posthorn.stats_hours_p20200101 (like posthorn.stats_hours including all);
     ${attachSql("stats_hours", "stats_hours_p20200101", day)}`,
  );
  await stranger.query("begin; select from posthorn.stats_hours_p20200101; select txid_current()");
  service = await startTestService({ ...setting, POSTHORN_ADMIN_KEY: service.adminKey });
  post = caller(service);
  const sql = new pg.Client({ connectionString: postgres.url });
  sql.on("error", () => {});
  await sql.connect();
  await subscribe("bad");
  await publish("bad");
  await publish("bad");
  await subscribe("gone");
  await publish("gone");
  const held = await subscribe("held", { paused: true });
  await publish("held");
  await sql.query(
    `update posthorn.deliveries set state = 2, due_at = now() - interval '30 days'
     where webhook_id = (select webhook_id from posthorn.webhooks where id = $1)`,
    [held],
  );
  await until(
    () => scrape(service, body.key),
    (text) => (valueOf(text, "posthorn_retention_postponed_total") ?? 0) > 0,
  );
  await sql.query(`do $$ declare name text; begin
    for name in select c.relname from pg_class as c where c.relkind = 'r' and c.relname ~ '^events_p' and right(c.relname, 8) > to_char(now() + interval '3 days', 'YYYYMMDD')
    loop execute 'drop table posthorn.' || name; end loop; end $$`);
  // A cell that is away, an event that waits for it, and one that it would not take.
  us.refuse(/./s);
  await sql.query("insert into posthorn.placements (tenant, cell) values ('far', 'us')");
  await sql.query(
    `select posthorn.publish('message.created', '1', tenant => 'far') from generate_series(1, 2);
     update posthorn.forwards set created_at = now() - interval '10 minutes';
     update posthorn.forwards set set_aside_at = now() where id = (select max(id::text)::uuid from posthorn.forwards)`,
  );
  // A worker that died: its lease is over.
  await subscribe("hangs", { timeout_ms: 30_000 });
  await sql.query(
    `begin; select posthorn.publish('message.created', '1', channel => 'hangs');
     update posthorn.deliveries set locked_until = now() - interval '1 minute' where locked_until is null and state = 0; commit`,
  );
  const total = (text: string, name: string, labels = {}) => valueOf(text, name, labels) ?? 0;
  const home = { cell: "home" };
  const cancelled = { ...home, status: "cancelled", reason: "held_too_long" };
  const isThere = (text: string) =>
    total(text, "posthorn_deliveries_finished_total", cancelled) > 0 &&
    total(text, "posthorn_webhooks", { ...home, health: "disabled" }) > 0 &&
    total(text, "posthorn_retention_postponed_total") > 0 &&
    total(text, "posthorn_leases_expired_total") > 0 &&
    total(text, "posthorn_requests_in_flight") > 0 &&
    total(text, "posthorn_oldest_due_seconds", home) > 60 &&
    total(text, "posthorn_oldest_forward_seconds", home) > 60 &&
    valueOf(text, "posthorn_cell_up", { cell: "us" }) === 0 &&
    valueOf(text, "posthorn_reports_database", { cell: "us" }) === 0;
  await until(
    () => sql.query("select from posthorn.finished_deliveries where status = 'cancelled'"),
    ({ rowCount }) => rowCount === 1,
  );
  for (let n = 0; n < 3; n++) await publish("hangs"); // one after the other, in the one slot
  await sql.query(
    "update posthorn.deliveries set due_at = now() - interval '10 minutes' where state = 0",
  );
  await sql.end();
  for (let tries = 0; tries < 100 && !isThere(troubled); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // the database is asked once in ten seconds
    troubled = await scrape(service, body.key);
  }
  await postgres.stop("immediate");
  away = await until(
    () => scrape(service, body.key),
    (text) => valueOf(text, "posthorn_reports_database", home) === 0,
  );
}, 400_000);
afterAll(async () => {
  await stranger.end().catch(() => {});
  await inbox.close();
  await service.stop();
  await us.close();
  await usDatabase.drop();
  await postgres.remove();
});

test("the page's table names each metric that there is, with its type, labels and help", async () => {
  const rows = Object.entries(samplesOf(troubled)).map(
    ([name, { type, help, labels, ofDatabase }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      `${ofDatabase ? "**database** " : ""}${help}`,
    ],
  );
  const page = await read("README.md");
  const found = [...page.matchAll(/^\| (`posthorn_\w+`) +\| (\w+) +\| (.*?) *\| (.*?) *\|$/gm)].map(
    ([, ...cells]) => cells,
  );
  expect(found).toEqual(rows);
});

test("the series of the database are absent while it is away, and the scrape goes on with a key that was valid", () => {
  const all = Object.entries(samplesOf(troubled));
  const left = Object.keys(samplesOf(away));
  expect(all.filter(([, { ofDatabase }]) => ofDatabase)).toHaveLength(10);
  expect(left).toEqual(all.filter(([, { ofDatabase }]) => !ofDatabase).map(([name]) => name));
  expect(away).not.toContain('door="sql"');
});

test("of a cell that is away the series of its database are absent, and the others' are told", () => {
  const ofUs = [...seriesIn(troubled).keys()].filter((series) => series.includes('cell="us"'));
  expect(ofUs.filter((series) => series.includes("_up") || series.includes("reports"))).toEqual([
    'posthorn_cell_up{cell="us"}',
    'posthorn_reports_database{cell="us"}',
  ]);
  const ofDatabase = Object.entries(samplesOf(troubled)).filter(([, sample]) => sample.ofDatabase);
  for (const [name] of ofDatabase) {
    expect(ofUs.filter((series) => series.startsWith(`${name}{`))).toEqual([]);
    expect([...seriesIn(healthy).keys()]).toEqual(
      expect.arrayContaining([expect.stringMatching(`^${name}\\{cell="us"`)]),
    );
  }
  expect(ofUs.filter((series) => /door="sql"|cancelled/.test(series))).toEqual([]);
});

test("each alert has its entry in the runbook, which says what it means, how to look and what to do", async () => {
  const entries = (await read("runbook.md")).split("\n## ").slice(1);
  expect(entries.map((entry) => entry.split("\n")[0])).toEqual(rules.map(({ alert }) => alert));
  for (const entry of entries)
    expect(entry).toMatch(/\*\*Means\*\*[^]*\*\*Look:\*\*[^]*\*\*Do:\*\*/);
  for (const { alert, annotations } of rules)
    expect(annotations.runbook).toBe(`docs/operations/runbook.md#${alert.toLowerCase()}`);
});

test("alerts and dashboard ask for no metric that there is not, and the dashboard shows each", async () => {
  const known = Object.keys(samplesOf(troubled));
  const asked = (text: string) =>
    new Set([...text.matchAll(/posthorn_\w+?(?=(_bucket|_sum|_count)?\b)/g)].map(([name]) => name));
  const dashboard = await read("grafana-dashboard.json");
  for (const text of [await read("alerts.yml"), dashboard])
    for (const name of asked(text)) expect(known).toContain(name);
  const shown = [...asked(JSON.stringify((JSON.parse(dashboard) as { panels: unknown }).panels))];
  expect(shown.sort()).toEqual([...known].sort());
});

promtoolTest("promtool finds nothing wrong with the rules and with what is printed", async () => {
  await promtool("check", "rules", join(folder, "alerts.yml"));
  const checking = execFile("promtool", ["check", "metrics"]);
  const said: string[] = [];
  for (const stream of [checking.stdout, checking.stderr])
    stream?.on("data", (text) => said.push(String(text)));
  checking.stdin?.end(troubled);
  const code = await new Promise((resolve) => checking.once("close", resolve));
  expect({ code, said: said.join("") }).toEqual({ code: 0, said: "" });
});

type Panel = {
  id: number;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string; legendFormat?: string; datasource: object }[];
};

promtoolTest(
  "of the dashboard each question is Prometheus' language, each legend names labels that it answers, and no panel lies on another",
  async () => {
    const { panels } = JSON.parse(await read("grafana-dashboard.json")) as { panels: Panel[] };
    const targets = panels.flatMap((panel) => panel.targets);
    const rules = targets.map(({ expr }, n) => ({
      record: `dashboard:${n}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    }));
    const dir = await mkdtemp(join(tmpdir(), "posthorn-dashboard-"));
    const file = join(dir, "rules.yml");
    await writeFile(file, stringify({ groups: [{ name: "dashboard", rules }] }));
    await promtool("check", "rules", file).finally(() => rm(dir, { recursive: true }));
    for (const { expr, legendFormat = "", datasource } of targets) {
      const by = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = ""]) =>
        names.split(/, */),
      );
      const named = [...legendFormat.matchAll(/\{\{ *(\w+) *\}\}/g)].map(([, name]) => name);
      expect({ expr, strange: named.filter((name) => !by.includes(String(name))) }).toEqual({
        expr,
        strange: [],
      });
      expect(datasource).toEqual({ type: "prometheus", uid: "${source}" });
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)} ${y + Math.floor(n / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true); // as wide as Grafana's grid is
  },
);

promtoolTest(
  "each alert fires in the trouble that it tells of, and none in a service that is well",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "posthorn-alerts-"));
    const minutes = 150;
    // From the one state to the other in the first minute; counters stay, and what is open grows older.
    const series = (from: string, to: string, ageS: number) =>
      [...seriesIn(to)].map(([name, value]) => {
        const grows = name.startsWith("posthorn_oldest_transaction") ? ageS : 0;
        const before = name.includes("_total") ? (seriesIn(from).get(name) ?? 0) : value;
        return { series: name, values: `${before} ${value}+${grows}x${minutes}` };
      });
    const firing = (names: string[], at: string, input: object[]) => ({
      interval: "1m",
      input_series: input,
      promql_expr_test: [
        {
          expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: at,
          exp_samples: names.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
        },
      ],
    });
    const names = (wanted: (name: string) => boolean) =>
      rules.map(({ alert }) => alert).filter(wanted);
    const brief = [
      "AttemptsFail",
      "DeliveriesDie",
      "HeldTooLong",
      "WorkersDie",
      "RetentionPostponed",
    ].map((name) => `Posthorn${name}`);
    const apart = ["PosthornDown", "PosthornDatabaseAway", ...brief];
    const tests = {
      rule_files: [join(folder, "alerts.yml")],
      evaluation_interval: "1m",
      tests: [
        firing([], "2h", series(healthy, healthy, 0)),
        firing(
          names((name) => !apart.includes(name)).sort(),
          "145m",
          series(troubled, troubled, 60),
        ),
        firing(
          ["PosthornDeliveriesDie", "PosthornHeldTooLong", "PosthornWorkersDie"],
          "5m",
          increase(healthy, troubled),
        ),
        firing(
          [
            "PosthornAttemptsFail",
            "PosthornDeliveriesDie",
            "PosthornHeldTooLong",
            "PosthornRetentionPostponed",
            "PosthornWorkersDie",
          ],
          "130m",
          goesOn(troubled),
        ),
        firing(
          ["PosthornCellAway", "PosthornDatabaseAway"],
          "30m",
          series(away, away, 0).filter(({ series }) => !series.includes("in_flight")),
        ),
        firing(["PosthornDown"], "10m", []),
      ],
    };
    const file = join(dir, "tests.yml");
    await writeFile(file, stringify(tests));
    const { stdout, stderr } = await promtool("test", "rules", file).catch(
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    await rm(dir, { recursive: true });
    expect(stderr + stdout).toContain("SUCCESS");

    function increase(from: string, to: string) {
      return [...seriesIn(to)]
        .filter(([name]) => name.includes("_total"))
        .map(([name, value]) => ({
          series: name,
          values: `${seriesIn(from).get(name) ?? 0} ${value}x30`,
        }))
        .concat([{ series: "posthorn_build_info", values: "1x30" }]);
    }
    function goesOn(to: string) {
      return [...seriesIn(to)]
        .filter(([name]) => name.includes("_total"))
        .map(([name, value]) => ({ series: name, values: `0+${value}x${minutes}` }))
        .concat([{ series: "posthorn_build_info", values: `1x${minutes}` }]);
    }
  },
);

function seriesIn(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => /^posthorn_(?!\w+_bucket)/.test(line));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" "))),
    ]),
  );
}
