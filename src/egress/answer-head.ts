// The heads of an answer, put right before undici's parser sees them: it is stricter than what receivers are used to.

const HEAD_BYTES_MAX = 16 * 1024; // what is longer goes on as it is, and is refused by undici
const INTERIM_ANSWERS_MAX = 32; // 100, 102 and 103; a flood of them would keep a processor busy until the deadline

const STATUS_LINE = /^HTTP\/\d\.\d \d{3}$/;
const STATUS_LINE_TEMPLATE = "HTTP/1.1 200";
const STATUS_AT = "HTTP/1.1 ".length;
const HEAD_END = "\r\n\r\n";
const BARE_HEAD_ENDS = ["\n\n", "\n\r\n"]; // no end by the rules, and undici says so at once
const MORE_LENGTHS = /\r\ncontent-length:(?:[^\r\n]*,|[^]*\r\ncontent-length:)/i;
const CONTENT_LENGTH = /\r\ncontent-length:([^\r\n]*)/gi;
const TLS_RECORDS = [0x15, 0x16]; // an alert, a handshake; both are followed by the major version 3

/** What answered instead of HTTP. */
export type Stranger = "TLS" | "something else";

export type AnswerHead = {
  /** Whether a byte of the answer has come. */
  readonly hasBegun: boolean;
  /** Whether it is a 101, which goes on as a 102. */
  readonly isUpgrade: boolean;
  readonly stranger: Stranger | undefined;
  /** Answers what of the bytes that came goes on to the parser; undefined while more is waited for. */
  take(chunk: Buffer): Buffer | undefined;
};

/**
 * Reads the head of one answer. Interim answers are left out: RFC 9110 15.2 demands that a client passes by a 100 that it
 * did not ask for, and undici 7 closes the connection on it. A 101 is a status to be recorded, and undici fails at it. One
 * length given twice is one length, as RFC 9112 6.3 has it, browsers and curl; undici refuses it.
 */
export function createAnswerHead(): AnswerHead {
  let held: Buffer | undefined;
  let interimAnswers = 0;
  let isOver = false;

  const head = {
    hasBegun: false,
    isUpgrade: false,
    stranger: undefined as Stranger | undefined,
    take(chunk: Buffer): Buffer | undefined {
      head.hasBegun = true;
      if (isOver) return chunk;
      held = held ? Buffer.concat([held, chunk]) : chunk;
      while (held.length > 0) {
        const end = endOfHead(held);
        if (end === 0) return letBy(held);
        if (end === undefined) return held.length > HEAD_BYTES_MAX ? letBy(held) : undefined;
        if (!isInterim(held)) return letBy(withOneLength(held, end));
        if (++interimAnswers >= INTERIM_ANSWERS_MAX || isSwitch(held)) return letBy(passable(held));
        held = held.subarray(end);
      }
      return undefined;
    },
  };

  function letBy(bytes: Buffer): Buffer {
    isOver = true;
    held = undefined;
    if (!beginsAsHttp(bytes)) head.stranger = isTls(bytes) ? "TLS" : "something else";
    return bytes;
  }

  // 102 is the interim answer that undici passes by.
  function passable(bytes: Buffer): Buffer {
    head.isUpgrade = isSwitch(bytes);
    bytes.write("102", STATUS_AT, "latin1");
    return bytes;
  }
  return head;
}

/** Where the head ends; undefined while it may yet, and 0 where it is none that could. */
function endOfHead(bytes: Buffer): number | undefined {
  if (!beginsAsHttp(bytes)) return 0;
  const end = bytes.indexOf(HEAD_END, 0, "latin1");
  if (end >= 0) return end + HEAD_END.length;
  return BARE_HEAD_ENDS.some((each) => bytes.includes(each, 0, "latin1")) ? 0 : undefined;
}

function beginsAsHttp(bytes: Buffer): boolean {
  const start = bytes.toString("latin1", 0, Math.min(bytes.length, STATUS_LINE_TEMPLATE.length));
  return STATUS_LINE.test(start + STATUS_LINE_TEMPLATE.slice(start.length));
}

function isInterim(bytes: Buffer): boolean {
  return bytes[STATUS_AT] === "1".charCodeAt(0);
}

function isSwitch(bytes: Buffer): boolean {
  return bytes.toString("latin1", STATUS_AT, STATUS_LINE_TEMPLATE.length) === "101";
}

function isTls(bytes: Buffer): boolean {
  return TLS_RECORDS.includes(bytes[0] ?? 0) && bytes[1] === 3;
}

// Given in two lines or, as a proxy may join them, in one.
function withOneLength(bytes: Buffer, end: number): Buffer {
  const head = bytes.toString("latin1", 0, end);
  if (!MORE_LENGTHS.test(head)) return bytes;
  const lengths = Array.from(head.matchAll(CONTENT_LENGTH), ([, value = ""]) => value)
    .flatMap((value) => value.split(","))
    .map((value) => value.trim());
  const [length = ""] = lengths;
  if (!/^\d+$/.test(length) || new Set(lengths).size > 1) return bytes;
  let given = `\r\ncontent-length: ${length}`;
  const single = head.replaceAll(CONTENT_LENGTH, () => {
    const line = given;
    given = "";
    return line;
  });
  return Buffer.concat([Buffer.from(single, "latin1"), bytes.subarray(end)]);
}
