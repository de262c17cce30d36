// "did you mean": the known name that a mistyped one is near to.

const LENGTH_MAX = 100; // what is longer is no slip of the fingers, and would take long to compare
const ERRORS_SHARE = 3; // one in so many letters may be wrong: two of events, and one in any case,
const ERRORS_MAX = 3; // but no more: a long name has a half that is another word

/** The known name that is nearest, or undefined where none is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > LENGTH_MAX) return undefined;
  const errorsMax = Math.min(ERRORS_MAX, Math.max(1, Math.floor(name.length / ERRORS_SHARE)));
  const wanted = name.toLowerCase();
  let found: { name?: string; distance: number } = { distance: errorsMax + 1 };
  for (const each of known) {
    const given = each.toLowerCase();
    if (Math.abs(given.length - wanted.length) > errorsMax) continue; // so many letters are put in or left out at least
    const distance = editDistance(wanted, given);
    if (distance < found.distance) found = { name: each, distance };
  }
  return found.name;
}

// Levenshtein's, with neighbours that changed places as one error: letters put in, left out, changed or swapped.
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let index = 0; index < a.length; index++) {
    const next = [index + 1];
    for (let column = 0; column < b.length; column++) {
      const same = a[index] === b[column];
      const swapped = a[index] === b[column - 1] && a[index - 1] === b[column];
      next.push(
        Math.min(
          at(row, column + 1) + 1,
          at(next, column) + 1,
          at(row, column) + (same ? 0 : 1),
          swapped ? at(before, column - 1) + 1 : Infinity,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
