import { expect, test } from "@jest/globals";

import { printPieces, RawJson } from "../../src/kernel/raw-json.ts";

const printJson = (value: unknown) => printPieces(value).join("");

test("JSON kept as text is printed as that text, wherever it stands, and all else as usual", () => {
  const value = {
    a: [new RawJson("1e400"), "text", new RawJson('{"n": 9007199254740993}')],
    b: new RawJson("[ ]"),
    c: undefined,
  };
  expect(printJson(value)).toBe('{"a":[1e400,"text",{"n": 9007199254740993}],"b":[ ]}');
  expect(printJson(new RawJson("null"))).toBe("null");
});

test("a text can't pass for another's place, not even one that was printed with its like", () => {
  const printed = printJson([new RawJson('"a"'), '","', "raw-json-"]);
  expect(printed).toBe('["a","\\",\\"","raw-json-"]');
});

test("whoever else prints it gets the value that it stands for", () => {
  expect(JSON.stringify({ payload: new RawJson('{"a": 1}') })).toBe('{"payload":{"a":1}}');
});
