// TLS sessions that may be resumed, and whose.
import { expect, test } from "@jest/globals";

import { createSessions } from "../../src/egress/sessions.ts";

test("a session is given to the host and port that it was made with, and to no other", () => {
  const sessions = createSessions();
  sessions.add("a.example:443", Buffer.from("a"));
  for (const other of ["b.example:443", "a.example:8443", "a.example.:443"])
    expect(sessions.take(other)).toBeUndefined();
  expect(String(sessions.take("a.example:443"))).toBe("a");
});

test("of several tickets each is given once, the newest first, and the last one again and again", () => {
  const sessions = createSessions();
  for (const name of ["1", "2", "3", "4", "5"]) sessions.add("a:443", Buffer.from(name));
  const taken = Array.from({ length: 6 }, () => String(sessions.take("a:443")));
  expect(taken).toEqual(["5", "4", "3", "2", "2", "2"]);
});

test("so many bytes of sessions are kept, and the receivers used longest ago go first", () => {
  const sessions = createSessions(30);
  for (const name of ["a", "b", "c"]) sessions.add(name, Buffer.alloc(10));
  sessions.take("a");
  sessions.add("d", Buffer.alloc(10));
  expect(["a", "b", "c", "d"].map((name) => sessions.take(name)?.length)).toEqual([
    10,
    undefined,
    10,
    10,
  ]);
});
