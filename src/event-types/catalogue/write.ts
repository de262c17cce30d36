// The built-in event types, written to a database when a service starts.
import type { Db } from "../../database/connect.ts";
import { writeSharedTypes } from "../../store/event-types.ts";
import { CATALOGUE } from "./index.ts";

/** Writes the types that every tenant has. */
export function writeCatalogue(db: Db): Promise<void> {
  return writeSharedTypes(db, CATALOGUE.map(stored));
}

function stored({ name, description, schema, example }: (typeof CATALOGUE)[number]) {
  return {
    name,
    description,
    schema: JSON.stringify(schema),
    example: JSON.stringify(example),
    enforce: false,
  };
}
