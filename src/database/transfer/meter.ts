// What goes through a stream: how much, and its hash.
import { createHash } from "node:crypto";
import { Transform } from "node:stream";

export type Meter = Transform & { bytes: number; sha256(): string };

/** Creates it; `passed` hears of each piece. */
export function createMeter(passed: (bytes: number) => void): Meter {
  const hash = createHash("sha256");
  const stream = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      meter.bytes += piece.length;
      passed(piece.length);
      done(null, piece);
    },
  });
  const meter = Object.assign(stream, { bytes: 0, sha256: () => hash.digest("hex") });
  return meter;
}
