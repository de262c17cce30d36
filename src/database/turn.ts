// A turn: being the only one of all processes at something that is done now and then, for as long as one keeps at it.
import type pg from "pg";

/** Takes the turn, or keeps it, until `forMs` from now. Answers false while another has it. */
export async function takeTurn(
  client: pg.ClientBase,
  { slot, who, forMs }: { slot: number; who: number; forMs: number },
): Promise<boolean> {
  const { rowCount } = await client.query(
    `update posthorn.locks set holder_pid = $2, holder_start = now() + $3::integer * interval '1 millisecond'
     where slot = $1 and (holder_pid = $2 or coalesce(holder_start, '-infinity') < now())`,
    [slot, who, forMs],
  );
  return rowCount === 1;
}

/** Lets go of the turn, so that another need not wait for its end. */
export async function leaveTurn(client: pg.ClientBase | pg.Pool, slot: number, who: number) {
  await client.query(
    "update posthorn.locks set holder_start = null where slot = $1 and holder_pid = $2",
    [slot, who],
  );
}
