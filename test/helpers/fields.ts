// The fields of an operation's request, as openapi.yaml describes them.
import { describeSchema } from "../../src/http/openapi-schema.ts";
import type { Operation } from "../../src/rpc/router.ts";

type Described = {
  $ref?: string;
  type?: unknown;
  items?: Described;
  properties?: Record<string, Described>;
  required?: string[];
};

/** `takesNull` is undefined where any value is taken. */
export type Field = { path: string[]; isOptional: boolean; takesNull: boolean | undefined };

/** Every field, those of what stands in a list under its first entry. */
export function fieldsOf({ input }: Operation): Field[] {
  const components: Record<string, Described> = {};
  const within = (schema: Described, path: string[]): Field[] => {
    const name = schema.$ref?.split("/").at(-1);
    if (name !== undefined) return within(components[name] ?? {}, path);
    if (schema.items) return within(schema.items, [...path, "0"]);
    return Object.entries(schema.properties ?? {}).flatMap(([field, described]) => {
      const here = [...path, field];
      const { type } = described;
      return [
        {
          path: here,
          isOptional: !schema.required?.includes(field),
          takesNull: type === undefined ? undefined : [type].flat().includes("null"),
        },
        ...within(described, here),
      ];
    });
  };
  return within(describeSchema(input, "input", components), []);
}
