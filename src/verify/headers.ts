// One way to read a header out of whatever a framework hands over.

/** Fetch's `Headers`, Node's `IncomingMessage.headers`, or any plain object of headers. */
export type HeadersLike =
  | { get(name: string): string | null | undefined }
  | { readonly [name: string]: string | readonly string[] | undefined };

/** One header's value as frameworks give it: absent, once, or sent several times. */
export type HeaderValue = string | readonly string[] | null | undefined;

/** Whether one header's value was given, rather than all the headers. */
export function isHeaderValue(given: HeadersLike | HeaderValue): given is HeaderValue {
  return typeof given !== "object" || given === null || Array.isArray(given);
}

/** The value of a header whatever the case of its name; undefined where there is none, or one header's value alone was given. */
export function headerOf(headers: HeadersLike | HeaderValue, name: string): string | undefined {
  if (isHeaderValue(headers)) return undefined;
  if (isFetchHeaders(headers)) return headers.get(name) ?? undefined;
  const wanted = name.toLowerCase();
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === wanted);
  return textOf(found?.[1]);
}

/** A value as one text; one sent several times is joined as Fetch joins it. */
export function textOf(value: HeaderValue): string | undefined {
  return typeof value === "string" ? value : value?.join(", ");
}

function isFetchHeaders(headers: HeadersLike): headers is Extract<HeadersLike, { get: unknown }> {
  return typeof (headers as { get?: unknown }).get === "function";
}
