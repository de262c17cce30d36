// RabbitMQ: the messages of a queue, over AMQP 0-9-1.
import {
  connect as connectAmqp,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  type Options,
} from "amqplib";

import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import {
  CONNECT_MS_MAX,
  MESSAGES_MAX,
  type Arrivals,
  type Message,
  type Source,
  type SourceOptions,
} from "./broker.ts";

const REASON_LENGTH_MAX = 500;
const NOT_FOUND = 404;
const HEARTBEAT_S = 10; // one that has gone silent is noticed in twice as long; the server's own wish is a minute
// Of the way that the message came by: a copy must not run out of time, nor name a user who is not its sender.
const OF_THE_WAY = ["expiration", "priority", "replyTo", "userId", "clusterId"];
const ROUTED_BY = ["CC", "BCC"]; // headers that would send a copy elsewhere, too

/** Connects, and lets messages arrive. */
export async function connect(options: SourceOptions, arrivals: Arrivals): Promise<Source> {
  const { url, from, deadLetter } = options;
  const address = new URL(url.href);
  if (!address.searchParams.has("heartbeat"))
    address.searchParams.set("heartbeat", String(HEARTBEAT_S));
  const connection = await connectAmqp(address.href, {
    timeout: CONNECT_MS_MAX,
    clientProperties: { connection_name: "posthorn ingest" },
  });
  connection.on("error", (error: Error) => arrivals.end(error));
  connection.on("close", () => arrivals.end(new Error("the connection is closed")));
  try {
    for (const [option, queue] of [
      ["--from", from],
      ["--dead-letter", deadLetter],
    ] as const)
      await check(connection, option, queue);
    const channel = await connection.createConfirmChannel();
    channel.on("error", (error: Error) => arrivals.end(error));
    channel.on("close", () => arrivals.end(new Error("the channel is closed")));
    await channel.prefetch(MESSAGES_MAX);
    await channel.consume(from, (raw) => {
      if (raw) arrivals.add(arrived(raw, channel, deadLetter));
      else arrivals.end(new Error(`the queue ${from} is gone`));
    });
    return {
      flush: async () => {}, // what is acknowledged is written at once, in order
      async close() {
        await channel.close().catch(() => {}); // the server may have closed it alone
        await connection.close();
      },
    };
  } catch (error) {
    connection.close().catch(() => {}); // not waited for: where the server is gone, the client waits for ever
    throw error;
  }
}

// On a channel of its own, which the server closes where there is none.
async function check(connection: ChannelModel, option: string, queue: string): Promise<void> {
  const channel = await connection.createChannel();
  channel.on("error", () => {}); // told below
  try {
    await channel.checkQueue(queue);
  } catch (error) {
    if ((error as { code?: number }).code !== NOT_FOUND) throw error;
    throw new StartError(`${option}: there is no queue ${queue}; make it, or name another`);
  }
  await channel.close();
}

/** What of AMQP's properties is read here: the client gives them as `any`. */
type Read = { messageId?: string; timestamp?: number; headers?: Record<string, unknown> };

function arrived(raw: ConsumeMessage, channel: ConfirmChannel, deadLetter: string): Message {
  const { messageId, timestamp, headers = {} } = raw.properties as Read;
  const text = ([name, value]: [string, unknown]): [string, string][] =>
    typeof value === "string" || typeof value === "number"
      ? [[name.toLowerCase(), String(value)]]
      : [];
  return {
    id: messageId === "" ? undefined : messageId,
    subject: raw.fields.routingKey,
    headers: new Map(Object.entries(headers).flatMap(text)),
    body: raw.content,
    at: timestamp === undefined ? undefined : new Date(timestamp * SECOND),
    copyAside: (reason) => putAside(raw, channel, deadLetter, reason),
    done: () => channel.ack(raw),
    hold: () => {}, // it is ours for as long as the channel is open
  };
}

function putAside(
  { content, fields, properties }: ConsumeMessage,
  channel: ConfirmChannel,
  deadLetter: string,
  reason: string,
): Promise<void> {
  const { headers = {}, ...read } = properties as Read;
  const kept = Object.entries(headers).filter(([name]) => !ROUTED_BY.includes(name));
  const copy: Options.Publish = {
    ...Object.fromEntries(Object.entries(read).filter(([name]) => !OF_THE_WAY.includes(name))),
    persistent: true,
    mandatory: true,
    headers: {
      ...Object.fromEntries(kept),
      "posthorn-reason": reason.slice(0, REASON_LENGTH_MAX),
      "posthorn-subject": fields.routingKey,
    },
  };
  return new Promise((resolve, reject) => {
    let isLost = false; // the server gives back what no queue takes, and only then confirms
    const lose = () => (isLost = true);
    channel.once("return", lose);
    channel.sendToQueue(deadLetter, content, copy, (error: unknown) => {
      channel.off("return", lose);
      if (!error && !isLost) return resolve();
      reject(isLost ? new Error(`the queue ${deadLetter} is gone`) : (error as Error));
    });
  });
}
