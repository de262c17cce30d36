// A name server on loopback that answers as a test tells it to.
import { createSocket } from "node:dgram";
import { once } from "node:events";

import ipaddr from "ipaddr.js";

/** What a question for `name` gets: addresses of either family, no such name, a server's failure, or nothing at all. */
export type DnsAnswer = string[] | "unknown name" | "server failure" | "silence";

export type DnsServer = {
  address: string;
  /** The questions so far, as "name A" or "name AAAA". */
  questions: string[];
  close(): Promise<void>;
};

const TYPES = new Map([
  [1, "A"],
  [28, "AAAA"],
]);
const RCODES = { "server failure": 2, "unknown name": 3 };

export async function startDnsServer(
  answer: (name: string, type: "A" | "AAAA") => DnsAnswer,
): Promise<DnsServer> {
  const socket = createSocket("udp4");
  const questions: string[] = [];
  socket.on("message", (query, peer) => {
    const question = readQuestion(query);
    const type = TYPES.get(question.type) as "A" | "AAAA";
    questions.push(`${question.name} ${type}`);
    const found = answer(question.name, type);
    if (found === "silence") return;
    const addresses = Array.isArray(found) ? found.map((each) => ipaddr.parse(each)) : [];
    const fitting = addresses.filter((each) => (each.kind() === "ipv4") === (type === "A"));
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2); // the question's id
    head.writeUInt16BE(0x8180 | (Array.isArray(found) ? 0 : RCODES[found]), 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(fitting.length, 6);
    const records = fitting.map((each) => record(question.type, Buffer.from(each.toByteArray())));
    const whole = Buffer.concat([head, query.subarray(12, question.end), ...records]);
    socket.send(whole, peer.port, peer.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    async close() {
      socket.close();
      await once(socket, "close");
    },
  };
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function record(type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc00c, 0); // the question's name
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4); // IN
  fixed.writeUInt32BE(0, 6); // seconds to live: whoever rebinds asks not to be remembered
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}
