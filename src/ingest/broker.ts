// What every broker looks like from here: messages that arrive, and a source that gives them.
import type { BrokerUrl } from "./url.ts";

/** One message, as its broker hands it over. */
export type Message = {
  /** What its publisher calls it, else the broker: the same each time it comes. Undefined where nobody names it. */
  id: string | undefined;
  /** NATS' subject, RabbitMQ's routing key, Kafka's topic. */
  subject: string;
  /** By name, in lower case. */
  headers: ReadonlyMap<string, string>;
  body: Uint8Array;
  /** When it happened, as far as the broker knows. */
  at: Date | undefined;
  /** Stores a copy where dead letters go; resolves when the broker has it. */
  copyAside(reason: string): Promise<void>;
  /** Takes it off the broker. Called in the order in which messages came; `flush` sends it. */
  done(): void;
  /** Tells the broker that it is still worked on, so that nobody else is given it. */
  hold(): void;
};

/** A connection that gives messages, until it breaks or is closed. */
export type Source = {
  /** Resolves when the broker has been told what is done. */
  flush(): Promise<void>;
  /** Ends it: what is not done comes again. */
  close(): Promise<void>;
};

/** Where messages arrive. */
export type Arrivals = {
  add(message: Message): void;
  /** Nothing more comes: the connection is broken. */
  end(reason: Error): void;
};

export type SourceOptions = {
  url: BrokerUrl;
  /** NATS' stream, RabbitMQ's queue, Kafka's topic. */
  from: string;
  /** NATS' durable consumer, Kafka's group: who shares it shares the messages. */
  consumer: string;
  /** The subjects of a NATS stream that are wanted; all, unless given. */
  filter: string | undefined;
  /** NATS' subject, RabbitMQ's queue, Kafka's topic. */
  deadLetter: string;
};

/** Connects, and lets messages arrive. Throws a StartError where something that it needs is not there. */
export type Connect = (options: SourceOptions, arrivals: Arrivals) => Promise<Source>;

export const MESSAGES_MAX = 1_000; // that a broker gives before some are done: as many as one call publishes
export const CONNECT_MS_MAX = 10_000; // who has not greeted by then is not there
