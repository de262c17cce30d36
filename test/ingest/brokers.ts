// NATS, RabbitMQ and what speaks Kafka's protocol, as the tests of ingest use them, in the same words.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, nanos } from "@nats-io/transport-node";
import amqp from "amqplib";
import { Kafka, logLevel } from "kafkajs";

import { startKafka, startNats, startRabbitmq } from "../helpers/brokers.ts";

export type Sent = { id?: string; type?: string; body: string | Buffer };
export type Dead = { reason: string | undefined; body: string };

export type Broker = {
  url: string;
  /**
   * Makes a place for messages, and one for dead letters; answers the options of ingest for them. With `isImpatient`, what a dead
   * process was given comes again soon.
   */
  declare(name: string, isImpatient?: boolean): Promise<string[]>;
  /** Resolves when the broker has stored them. */
  send(name: string, messages: readonly Sent[]): Promise<void>;
  /** How many it still has, those included that it gave and that are not acknowledged. */
  left(name: string): Promise<number>;
  dead(name: string, count: number): Promise<Dead[]>;
  /** As by kill -9, and up again, with what was stored. */
  restart(): Promise<void>;
  remove(): Promise<void>;
};

const ACK_WAIT_MS = 2_000;

export async function natsBroker(): Promise<Broker> {
  const server = await startNats();
  const url = `nats://127.0.0.1:${server.port}`;
  const open = async () => {
    const connection = await connect({ servers: url });
    const manager = await jetstreamManager(connection);
    return { connection, client: jetstream(connection), manager };
  };
  let { connection, client, manager } = await open();
  return {
    url,
    async declare(name, isImpatient = false) {
      await manager.streams.add({ name, subjects: [`${name}.>`] });
      await manager.streams.add({ name: `${name}_DEAD`, subjects: [`dead.${name}`] });
      if (isImpatient)
        await manager.consumers.add(name, {
          durable_name: "posthorn",
          ack_policy: AckPolicy.Explicit,
          ack_wait: nanos(ACK_WAIT_MS),
        });
      return ["--from", name, "--dead-letter", `dead.${name}`];
    },
    async send(name, messages) {
      const send = ({ id, type, body }: Sent) => {
        const given = headers();
        if (type !== undefined) given.set("posthorn-type", type);
        const options = { headers: given, ...(id !== undefined && { msgID: id }) };
        return client.publish(`${name}.x`, body, options);
      };
      for (let at = 0; at < messages.length; at += 500)
        await Promise.all(messages.slice(at, at + 500).map(send));
    },
    async left(name) {
      // By what is acknowledged: a message that was handed back it counts twice, as waiting and as given.
      const [{ ack_floor }, { state }] = await Promise.all([
        manager.consumers.info(name, "posthorn"),
        manager.streams.info(name),
      ]);
      return state.last_seq - ack_floor.stream_seq;
    },
    async dead(name, count) {
      const stream = await manager.streams.get(`${name}_DEAD`);
      const found: Dead[] = [];
      for (let seq = 1; seq <= count; seq++) {
        const message = await stream.getMessage({ seq });
        found.push({
          reason: message?.header.get("posthorn-reason"),
          body: message?.string() ?? "",
        });
      }
      return found;
    },
    async restart() {
      await connection.close();
      await server.kill();
      await server.start();
      ({ connection, client, manager } = await open());
    },
    async remove() {
      await connection.close();
      await server.remove();
    },
  };
}

export async function rabbitmqBroker(): Promise<Broker> {
  const server = await startRabbitmq();
  const url = `amqp://guest:guest@127.0.0.1:${server.port}`;
  const open = async () => {
    const connection = await amqp.connect(url);
    connection.on("error", () => {}); // it is killed by the test
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    return { connection, channel };
  };
  let { connection, channel } = await open();
  return {
    url,
    async declare(name) {
      await channel.assertQueue(name);
      await channel.assertQueue(`${name}.dead`);
      return ["--from", name, "--dead-letter", `${name}.dead`];
    },
    async send(name, messages) {
      for (const { id, type, body } of messages)
        channel.sendToQueue(name, Buffer.from(body), {
          persistent: true,
          ...(id !== undefined && { messageId: id }),
          ...(type !== undefined && { headers: { "posthorn-type": type } }),
        });
      await channel.waitForConfirms();
    },
    // What is given and not acknowledged is not counted, but no more than these are given.
    left: async (name) => (await channel.checkQueue(name)).messageCount,
    async dead(name, count) {
      const found: Dead[] = [];
      while (found.length < count) {
        const message = await channel.get(`${name}.dead`, { noAck: true });
        if (!message) break;
        const { headers = {} } = message.properties;
        found.push({ reason: headers["posthorn-reason"], body: message.content.toString() });
      }
      return found;
    },
    async restart() {
      await server.kill();
      await server.start();
      ({ connection, channel } = await open());
    },
    async remove() {
      await connection.close();
      await server.remove();
    },
  };
}

export async function kafkaBroker(): Promise<Broker> {
  const server = await startKafka();
  const at = `127.0.0.1:${server.port}`;
  const client = new Kafka({ brokers: [at], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  const producer = client.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  return {
    url: `kafka://${at}`,
    async declare(name) {
      await admin.fetchTopicMetadata({ topics: [name, `${name}.dead`] }); // which makes them
      return ["--from", name, "--dead-letter", `${name}.dead`, "--consumer", name];
    },
    async send(topic, messages) {
      const sent = messages.map(({ type, body }) => ({
        value: Buffer.from(body),
        headers: type === undefined ? {} : { "posthorn-type": type },
      }));
      await producer.send({ topic, messages: sent });
    },
    async left(topic) {
      const [ends, [committed]] = await Promise.all([
        admin.fetchTopicOffsets(topic),
        admin.fetchOffsets({ groupId: topic, topics: [topic] }),
      ]);
      const done = new Map(committed?.partitions.map((each) => [each.partition, each.offset]));
      const leftOf = (partition: number, high: string) =>
        Number(high) - Math.max(0, Number(done.get(partition) ?? 0));
      return ends.reduce((sum, { partition, high }) => sum + leftOf(partition, high), 0);
    },
    async dead(name) {
      const args = ["-C", "-q", "-e", "-b", at, "-t", `${name}.dead`, "-J"];
      const { stdout } = await promisify(execFile)("kcat", args, { maxBuffer: 10_000_000 });
      return stdout
        .trim()
        .split("\n")
        .map((line) => {
          const { headers = [], payload } = JSON.parse(line) as {
            headers?: string[];
            payload: string;
          };
          return { reason: headers[headers.indexOf("posthorn-reason") + 1], body: payload };
        });
    },
    restart: () => Promise.reject(new Error("it keeps nothing")),
    async remove() {
      await Promise.all([admin.disconnect(), producer.disconnect()]);
      await server.remove();
    },
  };
}
