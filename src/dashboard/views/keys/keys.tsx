// The API keys: made, shown once, and revoked.
import { NativeSelect } from "@mantine/core";
import { useState } from "react";

import { useFilters } from "../../address/filters.ts";
import { now } from "../../api/clock.ts";
import { useList } from "../../api/list.ts";
import type { Row } from "../../api/operations.ts";
import { useAction } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { ListView } from "../../parts/list-view.tsx";
import { say } from "../../parts/notices.tsx";
import { Empty } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { View } from "../../parts/view.tsx";
import { useTenant } from "../../session/session.ts";
import { CreateKey } from "./create.tsx";
import { PortalLink } from "./portal-link.tsx";

type Key = Row<"keys.list">;

const SCOPES = ["admin", "manage", "publish", "read"] as const;

export default function Keys() {
  const filters = useFilters(["scope", "of"]);
  const tenant = useTenant();
  const [isHeld, setHeld] = useState(false);
  const list = useList(
    "keys.list",
    {
      scope: filters.given("scope") as Key["scope"] | undefined,
      tenant: filters.get("of") === "" ? undefined : tenant,
    },
    { isHeld },
  );
  return (
    <View
      title="Keys"
      actions={
        <>
          <PortalLink />
          <CreateKey />
        </>
      }
    >
      <div className="filters">
        <NativeSelect
          label="Scope"
          size="xs"
          value={filters.get("scope")}
          onChange={(event) => filters.set({ scope: event.currentTarget.value })}
          data={[{ value: "", label: "Any" }, ...SCOPES]}
        />
        <NativeSelect
          label="Tenant"
          size="xs"
          value={filters.get("of")}
          onChange={(event) => filters.set({ of: event.currentTarget.value })}
          data={[
            { value: "", label: "Every tenant" },
            { value: "this", label: tenant },
          ]}
        />
      </div>
      <ListView
        what="keys"
        list={list}
        filters={filters}
        columns={columns}
        linkTitle="Name"
        linkWidth="20%"
        link={({ name }) => ({ text: <span className="stranger">{name}</span> })}
        onScrolled={setHeld}
        empty={
          <Empty title="No keys yet" action={<CreateKey />}>
            A key lets a program publish, or a person look.
          </Empty>
        }
      />
    </View>
  );
}

function standingOf({ revoked_at, expires_at }: Key): string {
  if (revoked_at !== null) return "revoked";
  return expires_at !== null && Date.parse(expires_at) <= now() ? "expired" : "active";
}

const columns: Column<Key>[] = [
  {
    title: "Scope",
    width: "120px",
    cell: ({ scope, is_portal }) => (is_portal ? `${scope}, portal` : scope),
  },
  { title: "Tenant", cell: ({ tenant }) => tenant ?? <span className="dim">every tenant</span> },
  { title: "Status", width: "104px", cell: (key) => <Status is={standingOf(key)} /> },
  { title: "Made", width: "112px", cell: ({ created_at }) => <Time at={created_at} /> },
  {
    title: "Used",
    width: "112px",
    cell: ({ last_used_at }) =>
      last_used_at ? <Time at={last_used_at} /> : <span className="dim">not yet</span>,
  },
  {
    title: "Ends",
    width: "112px",
    cell: ({ expires_at, revoked_at }) =>
      revoked_at ? (
        <Time at={revoked_at} />
      ) : expires_at ? (
        <Time at={expires_at} isComing={Date.parse(expires_at) > now()} />
      ) : (
        <span className="dim">never</span>
      ),
  },
  {
    title: "Action",
    width: "92px",
    cell: (key) => (standingOf(key) === "active" ? <Revoke apiKey={key} /> : null),
  },
];

function Revoke({ apiKey: { id, name } }: { apiKey: Key }) {
  const revoke = useAction("keys.revoke");
  return (
    <ConfirmButton
      label="Revoke"
      title={`Revoke ${name}?`}
      isDangerous
      size="compact-xs"
      failure={revoke.failure}
      onConfirm={async () => {
        const answer = await revoke.run({ id });
        if (answer) say(`Revoked ${name}`);
        return answer;
      }}
    >
      <p>
        Every process refuses it from now on. Whatever uses it stops working; it can’t be undone.
      </p>
    </ConfirmButton>
  );
}
