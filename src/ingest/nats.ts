// NATS JetStream: a durable pull consumer of a stream, made where there is none.
import {
  jetstream,
  jetstreamManager,
  AckPolicy,
  JetStreamApiError,
  type Consumer,
  type ConsumerConfig,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import {
  connect as connectNats,
  headers,
  nanos,
  type NatsConnection,
} from "@nats-io/transport-node";

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

const ACK_WAIT_MS = 30 * SECOND; // then another gets what a dead process had; who waits longer says so
const PENDING_MAX = 20 * MESSAGES_MAX; // of all processes that share the consumer
const PING_MS = 20 * SECOND;
const NOT_FOUND = 404;
const REASON_LENGTH_MAX = 500; // a message's size has its limit, its headers included

/** Connects, and lets messages arrive. */
export async function connect(options: SourceOptions, arrivals: Arrivals): Promise<Source> {
  const { url } = options;
  const connection = await connectNats({
    servers: url.servers,
    name: "posthorn ingest",
    ...(url.user !== undefined &&
      (url.password === undefined ? { token: url.user } : { user: url.user, pass: url.password })),
    ...(url.isSecure && { tls: {} }),
    timeout: CONNECT_MS_MAX,
    pingInterval: PING_MS,
    reconnect: false, // a connection that breaks is made again by whoever asked for it
  });
  void connection
    .closed()
    .then((error) => arrivals.end(error ?? new Error("the connection is closed")));
  try {
    const manager = await jetstreamManager(connection);
    const { created } = await prepare(manager, options);
    const consumer = await jetstream(connection).consumers.get(options.from, options.consumer);
    return start(connection, consumer, options, created, arrivals);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

// Sees to it that what is needed is there, and as it has to be.
async function prepare(
  manager: JetStreamManager,
  { from, consumer, filter, deadLetter }: SourceOptions,
) {
  const { created } = await manager.streams.info(from).catch(absent(`the stream ${from}`));
  const aside = await manager.streams.find(deadLetter).catch(() => undefined);
  if (aside === undefined || aside === from)
    throw new StartError(
      `--dead-letter: ${aside === from ? "the same stream" : "no stream"} takes the subject ${deadLetter}; make one for it, like nats stream add ${from}_DEAD --subjects ${deadLetter}`,
    );
  const found = await manager.consumers.info(from, consumer).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  const fault = found && faultOf(found.config, filter);
  if (fault !== undefined)
    throw new StartError(`the consumer ${consumer} ${fault}; name another with --consumer`);
  if (!found)
    await manager.consumers.add(from, {
      durable_name: consumer,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: PENDING_MAX,
      ...(filter !== undefined && { filter_subject: filter }),
    });
  return { created };
}

function faultOf(
  { ack_policy, deliver_subject, max_deliver = -1, filter_subject = "" }: ConsumerConfig,
  filter: string | undefined,
): string | undefined {
  if (ack_policy !== AckPolicy.Explicit)
    return `acknowledges by ${ack_policy}, and has to by explicit`;
  if (deliver_subject !== undefined) return "pushes; one that is pulled from is needed";
  if (max_deliver > 0)
    return `gives a message up after ${max_deliver} deliveries, which would lose it; max_deliver has to be -1`;
  if (filter !== undefined && filter_subject !== filter)
    return `has the filter ${JSON.stringify(filter_subject)}, and --filter says another`;
  return undefined;
}

function start(
  connection: NatsConnection,
  consumer: Consumer,
  { deadLetter, from }: SourceOptions,
  created: string,
  arrivals: Arrivals,
): Source {
  const client = jetstream(connection);
  const open = new Set<JsMsg>();
  let settled = () => {};

  function arrived(raw: JsMsg): Message {
    const given = raw.headers?.get("Nats-Msg-Id");
    // A stream that is made anew counts from 1 again.
    const id = given ? `id:${given}` : `seq:${Date.parse(created)}:${raw.seq}`;
    return {
      id,
      subject: raw.subject,
      headers: new Map(
        [...(raw.headers ?? [])].map(([name, [value = ""]]) => [name.toLowerCase(), value]),
      ),
      body: raw.data,
      at: new Date(raw.timestamp),
      async copyAside(reason) {
        const copied = headers();
        for (const [name, values] of raw.headers ?? [])
          if (!/^nats-/i.test(name)) for (const value of values) copied.append(name, value); // the server's own
        copied.set("posthorn-reason", oneLine(reason));
        copied.set("posthorn-id", id);
        copied.set("posthorn-subject", raw.subject);
        await client.publish(deadLetter, raw.data, {
          headers: copied,
          msgID: `${from}:${created}:${raw.seq}`, // put aside twice, it is kept once
        });
      },
      done() {
        raw.ack();
        open.delete(raw);
        if (open.size === 0) settled();
      },
      hold: () => raw.working(),
    };
  }

  // As many as are bounded, and more when these are done.
  async function pull(): Promise<never> {
    for (;;) {
      const messages = await consumer.fetch({ max_messages: MESSAGES_MAX });
      for await (const raw of messages) {
        open.add(raw);
        arrivals.add(arrived(raw));
      }
      if (open.size > 0) await new Promise<void>((resolve) => (settled = resolve));
    }
  }

  void pull().catch((error: unknown) => arrivals.end(error as Error));
  return {
    flush: () => connection.flush(),
    async close() {
      for (const raw of open) raw.nak();
      await connection.drain();
    },
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.status === NOT_FOUND;
}

function absent(what: string) {
  return (error: unknown): never => {
    throw isAbsent(error)
      ? new StartError(`${what} is not there; make it, or name another with --from`)
      : error;
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, REASON_LENGTH_MAX);
}
