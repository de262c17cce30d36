import { networkInterfaces } from "node:os";

import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { judgeAddress, parseCidrs } from "../../src/egress/address.ts";
import { endpointOfServer, type Endpoint } from "../../src/egress/endpoint.ts";

const judge = (address: string, allow = "", forbidden: Endpoint[] = [], port = 80) =>
  judgeAddress(address, port, { allow: parseCidrs(allow), forbidden: () => forbidden });

test("no address in a private block is reached, and each is once that block is allowed", () => {
  const blocks: [string, number][] = [
    ["10", 3],
    ["127", 3],
    ["192.168", 2],
    ["169.254", 2],
  ];
  const octet = fc.nat(255);
  fc.assert(
    fc.property(fc.constantFrom(...blocks), octet, octet, octet, ([start, count], ...octets) => {
      const address = [start, ...octets.slice(0, count)].join(".");
      const allow = `${[start, ...Array<number>(count).fill(0)].join(".")}/${32 - 8 * count}`;
      for (const form of [address, `::ffff:${address}`]) {
        expect(judge(form)).toEqual(expect.any(String));
        expect(judge(form, allow)).toBeUndefined();
      }
    }),
  );
});

test("an allowed block opens itself and nothing beside it", () => {
  expect(judge("127.0.0.1", "127.0.0.0/8")).toBeUndefined();
  expect(judge("10.0.0.1", "127.0.0.0/8,::1")).toBe("a private address");
  expect(judge("192.168.1.8", "192.168.1.7")).toBe("a private address");
  expect(judge("fd00::2", "fd00::/16")).toBeUndefined();
  expect(judge("::1", "127.0.0.0/8")).toBe("a loopback address");
});

test("an allowed gateway's block does not open the private addresses behind it", () => {
  expect(judge("64:ff9b::8.8.8.8", "64:ff9b::/96")).toBeUndefined();
  expect(judge("64:ff9b::10.0.0.1", "64:ff9b::/96")).toBe("a private address");
  expect(judge("64:ff9b::10.0.0.1", "64:ff9b::/96,10.0.0.0/8")).toBeUndefined();
  expect(judge("2002:808:808::", "2002::/16")).toBeUndefined();
  expect(judge("2002:a00:1::", "2002::/16")).toBe("a private address");
  expect(judge("2001:0:808:808::f7f7:f7f7", "2001::/32")).toBeUndefined(); // the client's bits are inverted
  expect(judge("2001:0:808:808::f5ff:fffe", "2001::/32")).toBe("a private address");
  expect(judge("2001:0:a00:1::f7f7:f7f7", "2001::/32")).toBe("a private address");
  expect(judge("64:ff9b:1::8.8.8.8", "64:ff9b:1::/48")).toBeUndefined();
  expect(judge("64:ff9b:1:a00:0:100::", "64:ff9b:1::/48")).toBe("a private address");
});

test("the service's own endpoint is refused though its block is allowed, in every form, on that port alone", () => {
  const own = [{ address: "127.0.0.1", port: 8080 }];
  for (const form of ["127.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1"])
    expect(judge(form, "0.0.0.0/0,::/0", own, 8080)).toMatch(/own address/);
  expect(judge("127.0.0.1", "127.0.0.0/8", own, 8081)).toBeUndefined();
  expect(judge("127.0.0.2", "127.0.0.0/8", own, 8080)).toBeUndefined();
});

test.each(["0.0.0.0", "::"])(
  "a listener on %s makes its port refused on every address of this machine",
  (wildcard) => {
    const own = [{ address: wildcard, port: 8080 }];
    const interfaces = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const local = [
      "127.0.0.1",
      "127.9.9.9",
      "::1",
      "0.0.0.0",
      ...interfaces.map((each) => each.address),
    ];
    for (const address of local) {
      expect(judge(address, "0.0.0.0/0,::/0", own, 8080)).toMatch(/own address/);
      expect(judge(address, "0.0.0.0/0,::/0", own, 8081)).toBeUndefined();
    }
    expect(judge("8.8.8.8", "", own, 8080)).toBeUndefined();
  },
);

test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])(
  "a listener on %s is not reached by 0.0.0.0 or ::, which lead to this machine",
  (listener) => {
    const own = [{ address: listener, port: 8080 }];
    for (const address of ["0.0.0.0", "::", "::ffff:0.0.0.0"]) {
      expect(judge(address, "0.0.0.0/0,::/0", own, 8080)).toMatch(/own address/);
      expect(judge(address, "0.0.0.0/0,::/0", own, 8081)).toBeUndefined();
      const remote = [{ address: "10.0.0.5", port: 8080 }];
      expect(judge(address, "0.0.0.0/0,::/0", remote, 8080)).toBeUndefined();
    }
  },
);

test("a database dialled on one address of this machine is refused on all of them, another machine's on its own", () => {
  const local = [endpointOfServer("127.0.0.1", 5432), endpointOfServer("::1", 5433)];
  expect(judge("::1", "::1", local, 5432)).toMatch(/own address/);
  expect(judge("127.0.0.1", "127.0.0.1", local, 5433)).toMatch(/own address/);
  const remote = [endpointOfServer("10.0.0.5", 5432)];
  expect(judge("10.0.0.5", "10.0.0.0/8", remote, 5432)).toMatch(/own address/);
  expect(judge("10.0.0.6", "10.0.0.0/8", remote, 5432)).toBeUndefined();
});

test("CIDRs are read with spaces, single addresses and nothing at all", () => {
  expect(parseCidrs("")).toEqual([]);
  expect(parseCidrs(" 10.0.0.0/8 , ::1,192.168.1.7 ")).toHaveLength(3);
  expect(judge("::ffff:10.1.1.1", "::ffff:10.0.0.0/104")).toBeUndefined();
});

test.each([
  "10.0.0.0/33",
  "10.0.0/8",
  "::1/129",
  "localhost",
  "10.0.0.0/8/8",
  "10.0.0.0/",
  "10.0.0.0/-1",
  "0x7f.1",
  "1",
  "10.0.0.0/8;::1",
])("%s is no CIDR, and the error says so", (text) => {
  expect(() => parseCidrs(`127.0.0.1,${text}`)).toThrow(`${JSON.stringify(text)} is not a CIDR`);
});
