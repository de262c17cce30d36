// What is carried from one database to another: the tables of the schema, a partition by itself, which costs one lock.
import type pg from "pg";

export type Table = { name: string; columns: string[] };

// What each schema has from its migrations, who is at work on that server now, and its roles by their numbers.
const LEFT_OUT = ["migrations", "locks", "workers", "publishers"];

/** The tables that hold rows of their own, with the columns that are written. */
export async function readTables(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_catalog.pg_class as c
     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = to_regnamespace('posthorn') and c.relkind = 'r' and c.relname <> all ($1)
     group by c.relname order by c.relname`,
    [LEFT_OUT],
  );
  return rows;
}

/** A table as COPY takes it, with the columns that both sides know. */
export const copied = ({ name, columns }: Table) =>
  `posthorn.${quoted(name)} (${columns.map(quoted).join(", ")})`;

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
