// Text of a stranger's, for a terminal.

const VALUE_LENGTH_MAX = 200; // of an id, a type or a name

/** The text as it can be shown: it neither commands the terminal nor turns the order of what is read. */
export function printable(text: string, lengthMax = VALUE_LENGTH_MAX): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
