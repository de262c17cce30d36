// References of one schema to another. Ajv looks names up in plain objects, so that "constructor" is found in each of them,
// and takes whatever a pointer leads to: both would enforce nothing, in silence.
import { MissingRefError, type Ajv, type KeywordCxt } from "ajv";
import { resolveRef, SchemaEnv } from "ajv/dist/compile/index.js";

import { recode } from "./keywords.ts";

const REFERENCES: Record<string, (cxt: KeywordCxt) => void> = {
  $ref: judgeReference,
  $dynamicRef: judgeDynamic,
  $recursiveRef: judgeRecursive,
};

/** Makes an Ajv throw where a reference leads to no schema of the one that it stands in. */
export function judgeReferences(ajv: Ajv): void {
  for (const [keyword, judge] of Object.entries(REFERENCES))
    recode(ajv, keyword, (known) => (cxt, ruleType) => {
      judge(cxt);
      known(cxt, ruleType);
    });
}

function judgeReference({ schema: ref, it }: KeywordCxt): void {
  const { self, baseId, schemaEnv, opts } = it;
  if (ref === "#" || ref === "#/") return; // the whole schema
  const found = resolveRef.call(self, schemaEnv.root, baseId, ref as string);
  if (found !== undefined && !isSchema(found instanceof SchemaEnv ? found.schema : found))
    throw new MissingRefError(opts.uriResolver, baseId, ref as string);
}

// Ajv follows it only to an anchor that it has met on the way, and else to the beginning.
function judgeDynamic({ schema: ref, it }: KeywordCxt): void {
  const anchor = (ref as string).replace(/^#/, "");
  if (!Object.hasOwn(it.schemaEnv.root.dynamicAnchors, anchor))
    throw new Error(
      `$dynamicRef ${ref as string}: no $dynamicAnchor around it is called so; use $ref`,
    );
}

function judgeRecursive({ schema: ref }: KeywordCxt): void {
  if (ref !== "#") throw new Error(`$recursiveRef ${ref as string}: only # is taken; use $ref`);
}

// The prototype of all objects has none itself.
function isSchema(target: unknown): boolean {
  if (typeof target === "boolean") return true;
  return (
    typeof target === "object" &&
    target !== null &&
    !Array.isArray(target) &&
    Object.getPrototypeOf(target) !== null
  );
}
