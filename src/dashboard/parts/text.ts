// Strangers' texts, so that what they hold can be seen.

// Control characters but tab, line feed and carriage return; marks of direction; the mark of byte order.
const UNSEEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Shows each sign that can't be seen, or would turn the text around, by its number: ⟨202E⟩. */
export function visible(text: string): string {
  return text.replace(
    UNSEEN,
    (sign) => `⟨${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}
