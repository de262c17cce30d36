// The room in which calls wait while the database is away, without one.
import { describe, expect, test } from "@jest/globals";

import { PosthornError } from "../../src/kernel/errors.ts";
import { unsent } from "../../src/kernel/faults.ts";
import { createWaitingRooms, type Patience } from "../../src/kernel/waiting-room.ts";

const refusedConnection = () =>
  unsent(Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" })) as Error;
const lostAnswer = () => new Error("Connection terminated unexpectedly");

/** A database that is away until it is told to be back; what is done is noted in order. */
function createDatabase(away: () => Error = refusedConnection) {
  const done: string[] = [];
  let isBack = false;
  return {
    done,
    comesBack: () => void (isBack = true),
    asked: (name: string) => () => {
      if (!isBack) return Promise.reject(away());
      done.push(name);
      return Promise.resolve(name);
    },
  };
}

const call = (patience: Partial<Patience> = {}): Patience => ({
  tenant: "default",
  bytes: () => 1_000,
  waitMs: 10_000,
  waits: () => {},
  ...patience,
});
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: unknown) => (error instanceof PosthornError ? error.code : (error as Error).message),
  );

describe("calls that wait while the database is away", () => {
  test("are done in the order in which they came when it is back, and nobody goes before them", async () => {
    const room = createWaitingRooms().open();
    const { asked, comesBack, done } = createDatabase();
    const names = Array.from({ length: 300 }, (_, n) => `call ${n}`);
    const answers = names.map((name) => room.enter(call(), asked(name)));
    await Promise.resolve();
    expect(room.isInUse).toBe(true);
    comesBack();
    const late = room.enter(call(), asked("the last"));
    expect(await Promise.all(answers)).toEqual(names);
    expect(await late).toBe("the last");
    expect(done).toEqual([...names, "the last"]);
    expect(room.isInUse).toBe(false);
  });

  test("are told that nothing was stored where it is not back in time, and may be stored where something was sent", async () => {
    const room = createWaitingRooms().open();
    const [away, lost] = [createDatabase(), createDatabase(lostAnswer)];
    const hurried = call({ waitMs: 20 });
    expect(
      await Promise.all([
        codeOf(room.enter(hurried, away.asked("a"))),
        codeOf(room.enter(hurried, lost.asked("b"))),
        codeOf(room.enter(call({ waitMs: 0 }), away.asked("c"))),
      ]),
    ).toEqual(["not_stored", "Connection terminated unexpectedly", "database_unavailable"]);
    expect(room.isInUse).toBe(false);
  });

  test("whose answer was lost stay unsure whatever they are told later, but for the database's own no", async () => {
    const failing = (...errors: Error[]) =>
      codeOf(
        createWaitingRooms()
          .open()
          .enter(call(), () => Promise.reject(errors.shift() as Error)),
      );
    const busy = new PosthornError("rate_limited", "");
    const refused = new PosthornError("invalid_request", "");
    expect(await failing(lostAnswer(), busy)).toBe("Connection terminated unexpectedly");
    expect(await failing(lostAnswer(), refused)).toBe("invalid_request");
    expect(await failing(refusedConnection(), busy)).toBe("rate_limited");
  });

  test("know at each try whether an earlier one may have been done", async () => {
    const told: boolean[] = [];
    const errors = [refusedConnection(), refusedConnection(), lostAnswer(), refusedConnection()];
    await createWaitingRooms()
      .open()
      .enter(call(), (mayBeDone) => {
        told.push(mayBeDone);
        const error = errors.shift();
        return error ? Promise.reject(error) : Promise.resolve();
      });
    expect(told).toEqual([false, false, false, true, true]);
  });

  test("are 4,000 of a process, half of them of one tenant, and 64 MiB of them; others are told at once", async () => {
    const room = createWaitingRooms().open();
    const { asked, comesBack } = createDatabase();
    const enter = (tenant: string, bytes = 1) =>
      codeOf(room.enter(call({ tenant, bytes: () => bytes }), asked(tenant)));
    const large = [enter("large", 31 * 1024 * 1024), enter("large", 2 * 1024 * 1024)];
    expect(await large[1]).toBe("database_unavailable");
    const first = Array.from({ length: 2_000 }, () => enter("one"));
    expect(await enter("one")).toBe("database_unavailable");
    const others = Array.from({ length: 1_999 }, () => enter("another"));
    expect(await enter("a third")).toBe("database_unavailable");
    comesBack();
    expect(new Set(await Promise.all([large[0], ...first, ...others]))).toEqual(new Set(["done"]));
    expect(await enter("one")).toBe("done");
  });

  test("leave their place to others when their caller has gone", async () => {
    const room = createWaitingRooms().open();
    const { asked, comesBack, done } = createDatabase();
    const gone = new AbortController();
    const half = 32 * 1024 * 1024;
    const first = codeOf(
      room.enter(call({ bytes: () => half, signal: gone.signal }), asked("gone")),
    );
    await Promise.resolve();
    gone.abort();
    expect(await first).toBe("not_stored");
    const second = room.enter(call({ bytes: () => half }), asked("there"));
    await Promise.resolve();
    comesBack();
    await second;
    expect(done).toEqual(["there"]);
  });

  test("keep those of another database from nothing, and share with them how many may wait", async () => {
    const rooms = createWaitingRooms();
    const [home, us] = [rooms.open(), rooms.open()];
    const [away, alsoAway] = [createDatabase(), createDatabase()];
    const waiting = Array.from({ length: 2_000 }, () => home.enter(call(), away.asked("home's")));
    await Promise.resolve();
    expect(await us.enter(call({ tenant: "far" }), () => Promise.resolve("done"))).toBe("done");
    expect(home.isInUse).toBe(true);
    expect(us.isInUse).toBe(false);
    expect(await codeOf(us.enter(call(), alsoAway.asked("of the same tenant")))).toBe(
      "database_unavailable",
    );
    rooms.close();
    expect(new Set(await Promise.all(waiting.map(codeOf)))).toEqual(new Set(["not_stored"]));
  });

  test("are answered at once when the process stops", async () => {
    const rooms = createWaitingRooms();
    const room = rooms.open();
    const { asked } = createDatabase();
    const waiting = [
      codeOf(room.enter(call(), asked("a"))),
      codeOf(room.enter(call(), asked("b"))),
    ];
    await Promise.resolve();
    rooms.close();
    expect(await Promise.all(waiting)).toEqual(["not_stored", "not_stored"]);
    expect(await codeOf(room.enter(call(), asked("c")))).toBe("database_unavailable");
  });
});
