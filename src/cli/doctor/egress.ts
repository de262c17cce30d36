// Whether a receiver is reached from here: its name, its address, TLS, and an answer.
import type { Config } from "../../config.ts";
import { parseCidrs } from "../../egress/address.ts";
import type { Failed } from "../../egress/exchange.ts";
import { followAuthorities } from "../../egress/authorities.ts";
import { createEgress } from "../../egress/client.ts";
import { monotonic } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { userAgent } from "../../kernel/request-headers.ts";
import { VERSION } from "../../kernel/version.ts";
import { bad, ok, type Finding } from "./finding.ts";

const TIMEOUT_MS = 2 * SECOND; // the doctor is quick; a receiver that takes longer is slow for deliveries, too

const ADVICE: Record<Failed["reason"], string> = {
  dns: "look at the resolver of this machine (/etc/resolv.conf) and at the name",
  policy: "use an address that may be reached, or allow it with POSTHORN_EGRESS_ALLOW",
  connect: "look at what is between: firewall, route, POSTHORN_EGRESS_PROXY",
  tls: "look at its certificate; an authority of your own goes into POSTHORN_CA_FILE",
  timeout: "look at what is between, and at how long it takes to answer",
};

/** Sends it an empty POST by the rules of deliveries; whatever it answers, it is reached. */
export async function tryEgress(url: string, config: Config): Promise<Finding> {
  const loopback = config.DATABASE_URL === null ? "127.0.0.0/8,::1/128" : "";
  const egress = createEgress({
    allow: config.POSTHORN_EGRESS_ALLOW ?? parseCidrs(loopback),
    forbidden: () => [],
    clock: monotonic,
    random: Math.random,
    ca: followAuthorities(config.POSTHORN_CA_FILE, monotonic, () => {}),
    proxy: config.POSTHORN_EGRESS_PROXY,
  });
  try {
    const headers = { "User-Agent": userAgent(VERSION), "Content-Type": "application/json" };
    const sent = await egress.post({
      url,
      headers,
      body: Buffer.from("{}"),
      timeoutMs: TIMEOUT_MS,
    });
    const host = URL.canParse(url) ? new URL(url).host : "the URL";
    if (sent.kind === "answered")
      return ok("egress", `${host} answered ${sent.status} in ${sent.durationMs} ms`);
    return bad(
      "egress",
      "error",
      `${host} is not reached: ${sent.reason}, ${sent.error}`,
      ADVICE[sent.reason],
    );
  } finally {
    await egress.close();
  }
}
