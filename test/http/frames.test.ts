// Who may frame what: the portal alone may be framed, by the sites that are named.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { startTestService, type TestService } from "../helpers/service.ts";

const FRAMERS = "https://app.example.com https://*.example.org";

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ POSTHORN_FRAME_ANCESTORS: FRAMERS }, { role: "api" });
});
afterAll(() => service.stop());

const headersOf = async (path: string) => {
  const { headers } = await fetch(service.url + path);
  return [headers.get("content-security-policy") ?? "", headers.get("x-frame-options")] as const;
};

test("the portal may be framed by the sites that are named, in old browsers too, and runs nothing inline", async () => {
  const [policy, options] = await headersOf("/dashboard/portal/");
  expect(policy).toContain(`frame-ancestors ${FRAMERS}`);
  expect(policy).toContain("require-trusted-types-for 'script'");
  expect(policy).not.toContain("unsafe");
  expect(options).toBeNull();
});

test.each(["/dashboard/", "/docs", "/healthz", "/openapi.yaml", "/dashboard/portal/none.js"])(
  "nobody may frame %s",
  async (path) => {
    const [policy, options] = await headersOf(path);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(options).toBe("DENY");
  },
);
