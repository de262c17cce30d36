// The form of DATABASE_URL: what a password may not hold as it is, named before anything is made of it.

const FORM = "postgres://user:password@host:5432/database";

/**
 * What is wrong with the form of a database URL, or undefined. Neither the URL nor a part of it is repeated, for the part
 * that is wrong is mostly the password.
 */
export function complaintAbout(url: string): string | undefined {
  const [, rest] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(url) ?? [];
  if (rest === undefined) return `an address like ${FORM} is needed`;
  const raw = rawCharacter(rest);
  if (raw !== undefined)
    return `a ${raw} stands in it as it is, most likely in the password: write that as ${encoded(raw)} (encodeURIComponent does so with each of % / ? # @ :)`;
  if (hostOf(rest).includes(","))
    return "it names several hosts: give it one name, which leads to the server that takes writes";
  return URL.canParse(`http://${rest}`) || isOnSocket(rest)
    ? undefined
    : `an address like ${FORM} is needed`;
}

// A character that ends the password where it stands, for whoever reads a URL.
function rawCharacter(rest: string): string | undefined {
  if (rest.includes("#")) return "#";
  const query = rest.indexOf("?");
  const path = query === -1 ? rest : rest.slice(0, query);
  if (path.includes("/") && path.slice(path.indexOf("/")).includes("@")) return "/";
  if (query !== -1 && /^[^=]*@/.test(rest.slice(query))) return "?";
  return /%(?![0-9a-f]{2})/i.test(path) ? "%" : undefined;
}

const encoded = (character: string) =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;

function hostOf(rest: string): string {
  const [authority = ""] = rest.split(/[/?]/, 1);
  return authority.slice(authority.lastIndexOf("@") + 1);
}

// postgres:///database?host=/var/run/postgresql, with or without a user before it
const isOnSocket = (rest: string) => /^([^/?@]*@)?\//.test(rest) && rest.includes("host=");
