// Where one SQL statement ends and the next begins: at a semicolon that stands in no quote, comment or body.

// Whatever may hold a semicolon that ends nothing. One that is not closed runs to the end, and makes what is there unfinished.
const TOKEN =
  /(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'[^']*(?:'|$)|"[^"]*(?:"|$)|(?<![\w$])(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?(?:\1|$)|--[^\n]*|\/\*|[A-Za-z_][\w$]*|;/g;
const COMMENT_EDGE = /\/\*|\*\//g;

/** The statements that are whole, without their semicolons, and the rest of the text, which is not. */
export function splitStatements(text: string): { statements: string[]; rest: string } {
  const statements: string[] = [];
  let start = 0;
  let word = "";
  let depth = 0; // of `begin atomic … end`, whose statements end in semicolons of their own
  const tokens = new RegExp(TOKEN);
  for (let token = tokens.exec(text); token; token = tokens.exec(text)) {
    const [found] = token;
    const before = word;
    if (/^[a-z_]/i.test(found)) word = found.toLowerCase();
    if (found === "/*") tokens.lastIndex = endOfComment(text, token.index);
    else if (depth === 0 && before === "begin" && word === "atomic") depth = 1;
    else if (depth > 0 && found.toLowerCase() === "case") depth += 1;
    else if (depth > 0 && found.toLowerCase() === "end") depth -= 1;
    else if (depth === 0 && found === ";") {
      statements.push(text.slice(start, token.index).trim());
      start = tokens.lastIndex;
      word = "";
    }
  }
  return { statements: statements.filter((each) => each !== ""), rest: text.slice(start) };
}

/** True where there is nothing but white space and comments: nothing to run. */
export function isBlank(text: string): boolean {
  const tokens = [...text.matchAll(/--[^\n]*|\/\*|\S/g)];
  const [first] = tokens.filter(([found]) => !found.startsWith("--"));
  if (first?.[0] !== "/*") return first === undefined;
  const end = endOfComment(text, first.index);
  return isBlank(text.slice(end));
}

// Comments nest, as the standard has it.
function endOfComment(text: string, from: number): number {
  let depth = 0;
  for (const edge of text.slice(from).matchAll(COMMENT_EDGE)) {
    depth += edge[0] === "/*" ? 1 : -1;
    if (depth === 0) return from + edge.index + 2;
  }
  return text.length;
}
