// The brokers that are known. Their clients are optional: who brings nothing from there needs none.
import { StartError } from "../kernel/errors.ts";
import type { Connect } from "./broker.ts";
import type { BrokerKind } from "./url.ts";

type Broker = {
  load: () => Promise<{ connect: Connect }>;
  /** What has to be installed beside this program. */
  packages: string;
};

const BROKERS: Record<BrokerKind, Broker> = {
  nats: { load: () => import("./nats.ts"), packages: "@nats-io/jetstream @nats-io/transport-node" },
  rabbitmq: { load: () => import("./rabbitmq.ts"), packages: "amqplib" },
  kafka: { load: () => import("./kafka.ts"), packages: "kafkajs" },
};

/** How to connect to brokers of a kind. Throws a StartError where their client is not installed. */
export async function loadBroker(kind: BrokerKind): Promise<Connect> {
  const { load, packages } = BROKERS[kind];
  try {
    return (await load()).connect;
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new StartError(
      `the client of this broker is not installed beside Posthorn: npm install ${packages}`,
      { cause: error },
    );
  }
}
