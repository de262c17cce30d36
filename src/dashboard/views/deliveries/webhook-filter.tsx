// A webhook to filter by: an id, or what it is called.
import { useId, useState } from "react";

import type { Filters } from "../../address/filters.ts";
import { useInfo } from "../../api/queries.ts";
import { TypedText } from "../../parts/fields.tsx";
import { useClient, useIsEverywhere } from "../../session/session.ts";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SUGGESTED = 10;

type Props = { filters: Filters; name: string; label: string; error: string | undefined };

export function WebhookFilter({ filters, name, label, error }: Props) {
  const [typed, setTyped] = useState("");
  const id = filters.get(name);
  const client = useClient();
  const isEverywhere = useIsEverywhere();
  const suggestions = useId();
  const called = useInfo(
    "webhooks.info",
    { id },
    { when: ID.test(id) && !isEverywhere, once: true },
  ).data;
  const found = useInfo(
    "webhooks.list",
    { q: typed, page_size: SUGGESTED },
    { when: typed !== "" && !ID.test(typed), keepsPrevious: true },
  ).data?.data;
  const [unclear, setUnclear] = useState("");
  const choose = async (text: string) => {
    setUnclear("");
    setTyped("");
    if (text === "" || ID.test(text)) return filters.set({ [name]: text });
    // Asked for once more: who types fast has seen no suggestions.
    const { data } = await client.read("webhooks.list", { q: text, page_size: SUGGESTED });
    const same = data.filter((row) => row.name === text || row.url === text);
    const [one, another] = same.length > 0 ? same : data;
    if (one && !another) return filters.set({ [name]: one.id });
    setTyped(text);
    setUnclear(one ? "More than one is called so" : "None is called so");
  };
  return (
    <>
      <TypedText
        label={label}
        placeholder="Name, URL or id"
        list={suggestions}
        value={called?.name ?? id}
        error={unclear || error}
        onTyped={setTyped}
        onDone={(text) => void choose(text).catch(() => setUnclear("The service does not answer"))}
      />
      <datalist id={suggestions}>
        {typed !== "" &&
          found?.map((row) => (
            <option key={row.id} value={row.name ?? row.id}>
              {row.url}
            </option>
          ))}
      </datalist>
    </>
  );
}
