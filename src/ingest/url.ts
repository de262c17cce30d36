// Where a broker is, as POSTHORN_BROKER_URL says it. Pure.

const SCHEMES = {
  nats: { kind: "nats", isSecure: false },
  tls: { kind: "nats", isSecure: true },
  amqp: { kind: "rabbitmq", isSecure: false },
  amqps: { kind: "rabbitmq", isSecure: true },
  kafka: { kind: "kafka", isSecure: false },
  "kafka+ssl": { kind: "kafka", isSecure: true },
} as const;

export type BrokerKind = (typeof SCHEMES)[keyof typeof SCHEMES]["kind"];

export type BrokerUrl = {
  kind: BrokerKind;
  isSecure: boolean;
  /** `host:port`, or the host alone; several with NATS and Kafka. */
  servers: string[];
  user: string | undefined;
  password: string | undefined;
  query: URLSearchParams;
  /** As it was given: it may hold a password. */
  href: string;
};

const FORM =
  /^([a-z+]+):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?#@\s]+)(?:\/[^?#\s]*)?(?:\?([^#\s]*))?$/i;

/** Reads a URL like `nats://user:password@host:4222`; undefined where it is none of a broker that is known. */
export function readBrokerUrl(href: string): BrokerUrl | undefined {
  const [, scheme = "", user, password, hosts = "", query = ""] = FORM.exec(href) ?? [];
  const found = Object.entries(SCHEMES).find(([name]) => name === scheme.toLowerCase())?.[1];
  if (!found) return undefined;
  try {
    return {
      ...found,
      servers: hosts.split(","),
      user: user === undefined ? undefined : decodeURIComponent(user),
      password: password === undefined ? undefined : decodeURIComponent(password),
      query: new URLSearchParams(query),
      href,
    };
  } catch {
    return undefined; // a percent sign that stands for nothing
  }
}

/** A text without what the URL keeps secret. */
export function withoutSecrets(text: string, { user, password, href }: BrokerUrl): string {
  // A user without a password is a token to NATS.
  const secrets = [href, password, password === undefined ? user : undefined];
  return secrets.reduce<string>(
    (told, secret) =>
      secret ? told.replaceAll(secret, "…").replaceAll(encodeURIComponent(secret), "…") : told,
    text,
  );
}
