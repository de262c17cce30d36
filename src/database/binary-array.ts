// Arrays as parameters in PostgreSQL's binary form: of numbers and times, which the server would else read from text, and this
// process write as text.

// As they are in pg_type, in every version.
const TYPES = {
  bool: { oid: 16, bytes: 1 },
  int8: { oid: 20, bytes: 8 },
  int2: { oid: 21, bytes: 2 },
  int4: { oid: 23, bytes: 4 },
  timestamptz: { oid: 1184, bytes: 8 },
} as const;

export type BinaryType = keyof typeof TYPES;
export type BinaryElement = number | boolean | Date | null;

const HEADER_BYTES = 20; // how many dimensions, whether there are nulls, of which type, how many, from which number on
const LENGTH_BYTES = 4; // before each element
const NULL_LENGTH = -1;
const WORD = 2 ** 32;
const YEAR_2000_MS = Date.UTC(2000, 0); // PostgreSQL counts microseconds from there

/**
 * An array of one dimension as the server takes it from the wire (array_recv). Integers as large as a JavaScript number may hold
 * exactly, times to the millisecond.
 *
 * @example
 * binaryArray("int8", [1, null, 3]);
 */
export function binaryArray(type: BinaryType, values: readonly BinaryElement[]): Buffer {
  const { oid, bytes } = TYPES[type];
  const array = Buffer.allocUnsafe(HEADER_BYTES + values.length * (LENGTH_BYTES + bytes));
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4);
  array.writeInt32BE(oid, 8);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = array.writeInt32BE(value === null ? NULL_LENGTH : bytes, at);
    if (value !== null) at = writeElement(array, bytes, numberOf(value), at);
  }
  return array.subarray(0, at);
}

function numberOf(value: number | boolean | Date): number {
  return value instanceof Date ? (value.getTime() - YEAR_2000_MS) * 1_000 : Number(value);
}

function writeElement(array: Buffer, bytes: 1 | 2 | 4 | 8, value: number, at: number): number {
  switch (bytes) {
    case 1:
      return array.writeInt8(value, at);
    case 2:
      return array.writeInt16BE(value, at);
    case 4:
      return array.writeInt32BE(value, at);
    case 8: {
      const high = Math.floor(value / WORD);
      return array.writeUInt32BE(value - high * WORD, array.writeInt32BE(high, at));
    }
  }
}
