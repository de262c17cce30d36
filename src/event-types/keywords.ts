// Keywords of Ajv's that are compiled otherwise here.
import type { Ajv, CodeKeywordDefinition } from "ajv";

type Code = CodeKeywordDefinition["code"];

/** Makes an Ajv compile a keyword as `change` says, which is given how it did; nothing where its dialect has no such. */
export function recode(ajv: Ajv, keyword: string, change: (known: Code) => Code): void {
  const known = ajv.getKeyword(keyword);
  if (typeof known !== "object" || !isCode(known)) return;
  ajv.removeKeyword(keyword).addKeyword({ ...known, code: change(known.code) });
}

function isCode(definition: object): definition is CodeKeywordDefinition {
  return "code" in definition;
}
