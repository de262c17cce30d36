// Why a connection was not even tried, or not made by a proxy: thrown through node's sockets and undici, and found again by its class.

/** `message` goes into the attempt, so it never holds an address that a name resolved to: DNS inside stays inside. */
export class Refusal extends Error {
  readonly reason: "dns" | "policy" | "connect";

  constructor(reason: Refusal["reason"], message: string) {
    super(message);
    this.name = "Refusal";
    this.reason = reason;
  }
}
