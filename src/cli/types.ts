// `posthorn types`: the catalogue's schemas as TypeScript types, for createPublisher<Events>() of posthorn/publish.
import type { Command } from "commander";

import { openApi, type Client } from "./api.ts";
import { CommandError, EXIT } from "./exit.ts";
import { overApi, pages, printJson, type RemoteOptions } from "./remote.ts";
import type { Terminal } from "./terminal.ts";

type EventType = Awaited<ReturnType<Client["event_types"]["list"]["query"]>>["data"][number];
type Compile = (typeof import("json-schema-to-typescript"))["compile"];

const INDENT = "  ";

export function addTypes(program: Command, terminal: Terminal): void {
  overApi(
    program
      .command("types")
      .description(
        "print the event types' payloads as TypeScript types, for createPublisher<Events>()",
      ),
    ["posthorn types > src/events.ts", "posthorn types --tenant acme > src/acme-events.ts"],
  ).action((options: RemoteOptions) => printTypes(terminal, options));
}

async function printTypes(terminal: Terminal, options: RemoteOptions): Promise<void> {
  const compile = await findCompile();
  const api = await openApi(terminal, options);
  const types: EventType[] = [];
  for await (const page of pages((span) =>
    api(({ event_types }, call) => event_types.list.query(span, call)),
  ))
    types.push(...page);
  if (options.json) return types.forEach((type) => printJson(terminal, type));
  terminal.out.write(await typescriptOf(types, compile, (text) => terminal.err.write(text)));
}

// An optional peer: 30 MB that one developer in a team needs, now and then, and no server does.
async function findCompile(): Promise<Compile> {
  try {
    return (await import("json-schema-to-typescript")).compile;
  } catch (error) {
    throw new CommandError(
      EXIT.failed,
      "json-schema-to-typescript makes the types, and is not installed here: npm install --save-dev json-schema-to-typescript",
      { cause: error },
    );
  }
}

/** The text of a module that exports `Events`. A schema that can't be put in types is reported, and its payload `unknown`. */
export async function typescriptOf(
  types: readonly EventType[],
  compile: Compile,
  tell: (text: string) => void,
): Promise<string> {
  const members: string[] = [];
  const namespaces: string[] = [];
  const taken = new Set<string>();
  for (const { name, schema, description } of types) {
    const found = schema === null ? undefined : await payloadOf(name, schema, compile, tell);
    const namespace = freeName(name, taken);
    if (found !== undefined)
      namespaces.push(`export declare namespace ${namespace} {\n${found}}\n`);
    if (description !== null) members.push(comment(description));
    const payload = found === undefined ? "unknown" : `${namespace}.Payload`;
    members.push(`${INDENT}${JSON.stringify(name)}: ${payload};`);
  }
  return [
    "// Made by posthorn types; change the catalogue, and make it again.",
    `/** Every event type, with its payload. */\nexport type Events = {\n${members.join("\n")}\n};\n`,
    ...namespaces,
  ].join("\n");
}

async function payloadOf(
  name: string,
  schema: unknown,
  compile: Compile,
  tell: (text: string) => void,
): Promise<string | undefined> {
  try {
    const root = typeof schema === "object" ? { ...schema, title: "Payload" } : {};
    const text = await compile(root, "Payload", {
      bannerComment: "",
      $refOptions: { resolve: { external: false } }, // a schema names no file here, and no address
    });
    return text.replace(/^(?=.)/gm, INDENT);
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    tell(`${name}: its schema can't be put in types, so its payload is unknown: ${reason}\n`);
    return undefined;
  }
}

/** `order.created` → `OrderCreated`, and `OrderCreated2` where another type is called so already. */
function freeName(type: string, taken: Set<string>): string {
  const words = type.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  const plain = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  const stem = /^[A-Za-z]/.test(plain) ? plain : `Event${plain}`;
  let name = stem;
  for (let n = 2; taken.has(name); n++) name = `${stem}${n}`;
  taken.add(name);
  return name;
}

function comment(text: string): string {
  const lines = text.replaceAll("*/", "*\\/").split(/\r?\n/);
  return lines.length === 1
    ? `${INDENT}/** ${lines[0]} */`
    : [`${INDENT}/**`, ...lines.map((line) => `${INDENT} * ${line}`), `${INDENT} */`].join("\n");
}
