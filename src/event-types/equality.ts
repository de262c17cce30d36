// When two values are the same JSON. Ajv's notion calls a value's own `toString` and `valueOf`, which a payload may have
// as members, takes objects with a member `constructor` for different, and overlooks a second "__proto__" in a list.
import { _, type Ajv, type KeywordCxt } from "ajv";

import { recode } from "./keywords.ts";

const COMPARISONS: Record<string, (cxt: KeywordCxt) => void> = {
  const: judgeConst,
  enum: judgeEnum,
  uniqueItems: judgeUniqueItems,
};

/** Makes an Ajv compare values as JSON, whatever their members are called. */
export function judgeEquality<Its extends Ajv>(ajv: Its): Its {
  for (const [keyword, judge] of Object.entries(COMPARISONS)) recode(ajv, keyword, () => judge);
  return ajv;
}

function judgeConst(cxt: KeywordCxt): void {
  const equal = cxt.gen.scopeValue("func", { ref: isSameJson });
  cxt.pass(_`${equal}(${cxt.schemaCode}, ${cxt.data})`);
}

function judgeEnum(cxt: KeywordCxt): void {
  if ((cxt.schema as unknown[]).length === 0)
    throw new Error("an enum of no values would fit nothing; give it one or more");
  const isIn = cxt.gen.scopeValue("func", { ref: isOneOf });
  cxt.pass(_`${isIn}(${cxt.schemaCode}, ${cxt.data})`);
}

function judgeUniqueItems(cxt: KeywordCxt): void {
  if (cxt.schema !== true) return;
  const find = cxt.gen.scopeValue("func", { ref: findTwins });
  const twins = cxt.gen.const("twins", _`${find}(${cxt.data})`);
  cxt.setParams({ i: _`${twins}[1]`, j: _`${twins}[0]` });
  cxt.fail(_`${twins} !== null`);
}

function isSameJson(a: unknown, b: unknown): boolean {
  if (!isCompound(a) || !isCompound(b)) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) return isSameList(a, b);
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSameJson(a[name], b[name]))
  );
}

function isSameList(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((item, index) => isSameJson(item, b[index]));
}

function isOneOf(allowed: readonly unknown[], value: unknown): boolean {
  return allowed.some((each) => isSameJson(each, value));
}

/** Where the first item stands that was there before, after where it was; null where none was. */
function findTwins(items: readonly unknown[]): [number, number] | null {
  const simple = new Map<unknown, number>(); // a look for each; it takes 0 and -0 for one, and "1" and 1 for two
  const compound: number[] = [];
  for (const [index, item] of items.entries()) {
    const twin = isCompound(item)
      ? compound.find((other) => isSameJson(items[other], item))
      : simple.get(item);
    if (twin !== undefined) return [twin, index];
    if (isCompound(item)) compound.push(index);
    else simple.set(item, index);
  }
  return null;
}

function isCompound(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
