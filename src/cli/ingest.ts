// `posthorn ingest`: a broker's messages, published as events over the API.
import { Option, type Command } from "commander";

import type { Connect } from "../ingest/broker.ts";
import { loadBroker } from "../ingest/brokers.ts";
import type { Mapping } from "../ingest/event.ts";
import { readBrokerUrl, type BrokerUrl } from "../ingest/url.ts";
import { monotonic } from "../kernel/clock.ts";
import { createLog } from "../kernel/log.ts";
import { openApi } from "./api.ts";
import { bodyOrPlace, nonEmpty, place, tenantName } from "./arguments.ts";
import { UsageError } from "./exit.ts";
import { publishMany } from "./ingest-publish.ts";
import { endSignal } from "./process.ts";
import { exampleLines } from "./remote.ts";
import type { Terminal } from "./terminal.ts";

const TYPE_HEADER = "posthorn-type";

type Options = {
  from: string;
  deadLetter: string;
  type?: string;
  typeFrom?: Mapping["channel"];
  channelFrom?: Mapping["channel"];
  idFrom?: Mapping["id"];
  source?: string;
  consumer: string;
  filter?: string;
  tenant?: string;
};

export function addIngest(program: Command, terminal: Terminal): void {
  program
    .command("ingest")
    .description(
      "publish what comes from NATS JetStream, RabbitMQ or Kafka, each message once, until it is stopped",
    )
    .requiredOption("--from <name>", "the stream, the queue or the topic", nonEmpty)
    .requiredOption(
      "--dead-letter <name>",
      "the subject, the queue or the topic for messages that are no events; it has to be there",
      nonEmpty,
    )
    .addOption(new Option("--type <type>", "the type of all of them").conflicts("typeFrom"))
    .option(
      "--type-from <place>",
      `where the type is: subject (routing key, topic), or header:NAME; header:${TYPE_HEADER}, unless given`,
      place,
    )
    .option("--channel-from <place>", "where the channel is; none, unless given", place)
    .option(
      "--id-from <place>",
      "what names a message: subject, header:NAME, or body, where equal ones are one event; unless given, what the broker says",
      bodyOrPlace,
    )
    .option(
      "--source <name>",
      "what these ids are unique in; the broker's kind and --from, unless given",
      nonEmpty,
    )
    .option("--consumer <name>", "NATS' durable consumer, Kafka's group", nonEmpty, "posthorn")
    .option("--filter <subject>", "of a NATS stream, these subjects alone", nonEmpty)
    .option("--tenant <tenant>", "publish for this tenant, with an admin key", tenantName)
    .addHelpText(
      "after",
      exampleLines([
        "export POSTHORN_BROKER_URL=nats://127.0.0.1:4222",
        "posthorn ingest --from ORDERS --type-from subject --dead-letter dead.orders",
        "export POSTHORN_BROKER_URL=amqp://user:password@127.0.0.1",
        "posthorn ingest --from orders --type order.created --dead-letter orders.dead",
        "export POSTHORN_BROKER_URL=kafka://127.0.0.1:9092",
        "posthorn ingest --from orders --type-from header:type --dead-letter orders.dead",
      ]),
    )
    .addHelpText(
      "after",
      "\nPOSTHORN_BROKER_URL says where the broker is, POSTHORN_URL where the service is, POSTHORN_KEY who publishes.",
    )
    .action((options: Options) => bringAll(terminal, options));
}

async function bringAll(terminal: Terminal, options: Options): Promise<void> {
  const { from, consumer, deadLetter, filter } = options;
  const url = brokerUrl(terminal);
  if (from === deadLetter)
    throw new UsageError("--dead-letter: is the same as --from, so that it would come back");
  if (filter !== undefined && url.kind !== "nats")
    throw new UsageError("--filter: only NATS has subjects to choose from in a stream");
  const connect: Connect = await loadBroker(url.kind);
  const publish = publishMany(await openApi(terminal, options));
  await publish([]); // too few for anybody, but a key that may not publish is told here, and not at the first message
  const { ingest } = await import("../ingest/run.ts");
  await ingest({
    connect,
    options: { url, from, consumer, deadLetter, filter },
    mapping: {
      type:
        options.type === undefined
          ? (options.typeFrom ?? { kind: "header", name: TYPE_HEADER })
          : { kind: "fixed", type: options.type },
      channel: options.channelFrom,
      id: options.idFrom,
      source: options.source ?? `${url.kind}:${from}`,
    },
    publish,
    log: createLog("info"),
    signal: endSignal(),
    monotonicMs: monotonic,
    random: Math.random,
  });
}

function brokerUrl({ env }: Terminal): BrokerUrl {
  const url = readBrokerUrl(env["POSTHORN_BROKER_URL"] ?? "");
  if (url) return url;
  throw new UsageError(
    "POSTHORN_BROKER_URL: the address of a broker is needed, like nats://127.0.0.1:4222, amqp://user:password@127.0.0.1 or kafka://127.0.0.1:9092",
  );
}
