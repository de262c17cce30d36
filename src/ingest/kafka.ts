// Kafka's protocol: a topic, by a consumer group.
import {
  CompressionTypes,
  Kafka,
  logLevel,
  type Consumer,
  type EachBatchPayload,
  type IHeaders,
  type KafkaMessage,
  type SASLOptions,
} from "kafkajs";

import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import {
  CONNECT_MS_MAX,
  type Arrivals,
  type Message,
  type Source,
  type SourceOptions,
} from "./broker.ts";
import type { BrokerUrl } from "./url.ts";

const HEARTBEAT_MS = 3 * SECOND; // a tenth of what the group waits for
const SESSION_MS = 30 * SECOND;
const POLL_MS = 1 * SECOND; // so long an end waits for an answer with nothing in it
const RETRIES = 5; // of the client's own, some seconds

type CopyAside = (raw: KafkaMessage, id: string, reason: string) => Promise<void>;

/** Connects, and lets messages arrive. */
export async function connect(options: SourceOptions, arrivals: Arrivals): Promise<Source> {
  const { url, from, deadLetter } = options;
  const sasl = saslOf(url);
  const client = new Kafka({
    clientId: "posthorn-ingest",
    brokers: url.servers,
    ssl: url.isSecure,
    ...(sasl && { sasl }),
    connectionTimeout: CONNECT_MS_MAX,
    retry: { retries: RETRIES },
    logLevel: logLevel.NOTHING, // what matters is thrown
  });
  const admin = client.admin();
  const producer = client.producer({ allowAutoTopicCreation: false });
  const consumer = client.consumer({
    groupId: options.consumer,
    sessionTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: POLL_MS,
    allowAutoTopicCreation: false,
    retry: { retries: RETRIES, restartOnFailure: () => Promise.resolve(false) },
  });
  const close = async () => {
    await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
  };
  try {
    await admin.connect();
    const topics = await admin.listTopics();
    for (const [option, topic] of [
      ["--from", from],
      ["--dead-letter", deadLetter],
    ] as const)
      if (!topics.includes(topic))
        throw new StartError(`${option}: there is no topic ${topic}; make it, or name another`);
    await producer.connect();
    const copyAside: CopyAside = async (raw, id, reason) => {
      const headers = {
        ...raw.headers,
        "posthorn-reason": reason,
        "posthorn-id": id,
        "posthorn-subject": from,
      };
      const { key, value } = raw;
      await producer.send({
        topic: deadLetter,
        acks: -1,
        compression: CompressionTypes.None,
        messages: [{ key, value, headers }],
      });
    };
    return await consume(consumer, from, copyAside, arrivals, close);
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
}

async function consume(
  consumer: Consumer,
  topic: string,
  copyAside: CopyAside,
  arrivals: Arrivals,
  close: () => Promise<void>,
): Promise<Source> {
  const offsets = new Map<number, string>(); // that are done, and not yet told
  const waiting = new Map<number, { last: string; finish: () => void }>();

  async function eachBatch({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    const { partition, messages } = batch;
    const last = batch.lastOffset();
    const finished = new Promise<void>((finish) => waiting.set(partition, { last, finish }));
    for (const raw of messages) arrivals.add(arrived(raw, partition));
    // While it is worked on, the group has to hear of us.
    const beat = setInterval(
      () => void heartbeat().catch((error: Error) => arrivals.end(error)),
      HEARTBEAT_MS,
    );
    await finished.finally(() => clearInterval(beat));
    resolveOffset(last);
  }

  function arrived(raw: KafkaMessage, partition: number): Message {
    const id = `${partition}:${raw.offset}`;
    return {
      id,
      subject: topic,
      headers: new Map(Object.entries(raw.headers ?? {}).flatMap(headerOf)),
      body: raw.value ?? new Uint8Array(),
      at: new Date(Number(raw.timestamp)),
      copyAside: (reason) => copyAside(raw, id, reason),
      done: () => offsets.set(partition, raw.offset),
      hold: () => {}, // the heartbeats do
    };
  }

  consumer.on(consumer.events.CRASH, ({ payload }) => arrivals.end(payload.error));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch });
  return {
    async flush() {
      const told = [...offsets];
      offsets.clear();
      await consumer.commitOffsets(
        told.map(([partition, offset]) => ({
          topic,
          partition,
          offset: String(BigInt(offset) + 1n),
        })),
      );
      for (const [partition, offset] of told) {
        const open = waiting.get(partition);
        if (open?.last === offset) open.finish();
      }
    },
    async close() {
      for (const { finish } of waiting.values()) finish();
      await close();
    },
  };
}

function headerOf([name, value]: [string, IHeaders[string]]): [string, string][] {
  const [first] = Array.isArray(value) ? value : [value];
  return first === undefined ? [] : [[name.toLowerCase(), first.toString()]];
}

function saslOf({ user, password, query }: BrokerUrl): SASLOptions | undefined {
  if (user === undefined || password === undefined) return undefined;
  const mechanism = query.get("mechanism") ?? "plain";
  if (mechanism === "plain" || mechanism === "scram-sha-256" || mechanism === "scram-sha-512")
    return { mechanism, username: user, password };
  throw new StartError(
    "POSTHORN_BROKER_URL: mechanism has to be plain, scram-sha-256 or scram-sha-512",
  );
}
