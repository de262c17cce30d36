// What is said of a DATABASE_URL that can't be meant.
import { expect, test } from "@jest/globals";

import { complaintAbout } from "../../src/database/url-form.ts";

test.each([
  ["#", "%23", "postgres://app:se#cret@db:5432/app"],
  ["#", "%23", "postgres://app@corp:se#cret@db:5432/app"],
  ["/", "%2F", "postgres://app:se/cret@db:5432/app"],
  ["/", "%2F", "postgres://app:1/cret@db:5432/app"], // which leads to the host app
  ["?", "%3F", "postgres://app:se?cret@db:5432/app"],
  ["%", "%25", "postgres://app:se%cret@db:5432/app"],
])(
  "a raw %s in a password is named, with %s, and the password is not repeated",
  (raw, encoded, url) => {
    const complaint = complaintAbout(url) ?? "";
    expect(complaint).toContain(`a ${raw} stands in it`);
    expect(complaint).toContain(`write that as ${encoded}`);
    expect(complaint).not.toContain("cret");
    expect(complaintAbout(url.replace(/(se|1)(.)cret/, `$1${encoded}cret`))).toBeUndefined();
  },
);

test.each([
  "postgres://db/app",
  "postgresql://app:secret@db:5432/app?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem",
  "postgres://app@server:se:cr[e]t!$&'()*+,;=~@server.postgres.example:5432/app",
  "postgres://app:secret@[::1]:5432/app",
  "postgres://app:secret@db/app?options=-c%20geqo%3Doff&user=a@b",
  "postgres:///app?host=/var/run/postgresql",
  "postgres://app@/app?host=/var/run/postgresql",
])("%s is taken as it is", (url) => {
  expect(complaintAbout(url)).toBeUndefined();
});

test("several hosts, and what is no address, are told apart", () => {
  expect(complaintAbout("postgres://app:secret@a:5432,b:5432/app")).toMatch("several hosts");
  for (const url of ["mysql://db/app", "db:5432", "postgres://app:secret@db:port/app"])
    expect(complaintAbout(url)).toMatch("an address like postgres://");
});
