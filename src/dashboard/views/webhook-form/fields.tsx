// The fields of a webhook, with what the service says is wrong with each.
import { Button, NativeSelect, TagsInput, TextInput } from "@mantine/core";

import { choicesOf, type EventType } from "../../api/catalogue.ts";
import { useSignedIn } from "../../session/session.ts";
import { Settings } from "./settings.tsx";
import type { Header, Values } from "./values.ts";

export type FieldsProps = {
  values: Values;
  onChange(changes: Partial<Values>): void;
  errors: Record<string, string>;
  types: EventType[];
  isNew: boolean;
};

const ORDERS = [
  { value: "none", label: "None: as fast as they go" },
  { value: "channel", label: "By channel: one at a time within each" },
  { value: "webhook", label: "All: one at a time" },
];

export function Fields({ values, onChange, errors, types, isNew }: FieldsProps) {
  const { limits, presets } = useSignedIn().settings;
  return (
    <>
      <TextInput
        label="URL"
        description="Where events are sent, by POST."
        placeholder="https://example.com/hooks"
        value={values.url}
        onChange={(event) => onChange({ url: event.currentTarget.value })}
        maxLength={limits.url}
        error={errors["url"]}
        required
        withAsterisk={false}
        autoComplete="off"
        spellCheck={false}
      />
      <TextInput
        label="Name"
        description="For people; empty: the URL’s host."
        value={values.name}
        onChange={(event) => onChange({ name: event.currentTarget.value })}
        maxLength={limits.name}
        error={errors["name"]}
        autoComplete="off"
      />
      <TagsInput
        label="Events"
        description="Types, or prefixes like message.*; none: every type, those made later too."
        placeholder={values.events.length === 0 ? "Every type" : ""}
        data={choicesOf(types)}
        value={values.events}
        onChange={(events) => onChange({ events })}
        maxTags={limits.filter}
        error={errors["events"]}
        limit={50}
        clearable={false}
      />
      <TagsInput
        label="Channels"
        description="Only events published with one of these; none: all of them."
        placeholder={values.channels.length === 0 ? "All, and events without a channel" : ""}
        value={values.channels}
        onChange={(channels) => onChange({ channels })}
        maxTags={limits.filter}
        splitChars={[]}
        error={errors["channels"]}
      />
      <NativeSelect
        label="Preset"
        description="The form of what is sent, how it is signed, and how often it is tried."
        data={presets.map(({ name }) => name)}
        value={values.preset}
        onChange={(event) => onChange({ preset: event.currentTarget.value as Values["preset"] })}
        error={errors["preset"]}
      />
      {values.preset === "custom" && (
        <Settings
          settings={values.preset_settings}
          onChange={(preset_settings) => onChange({ preset_settings })}
          errors={errors}
        />
      )}
      {isNew && (
        <TextInput
          label="Signing key"
          description="Empty: one is made, and shown once."
          value={values.signature_key}
          onChange={(event) => onChange({ signature_key: event.currentTarget.value })}
          maxLength={limits.signature_key}
          error={errors["signature_key"]}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <Headers
        headers={values.headers}
        onChange={(headers) => onChange({ headers })}
        error={errors["headers"]}
        max={limits.headers}
      />
      <details className="more">
        <summary>Order, rate and timeout</summary>
        <div className="form">
          <NativeSelect
            label="Order"
            data={ORDERS}
            value={values.order}
            onChange={(event) => onChange({ order: event.currentTarget.value as Values["order"] })}
            error={errors["order"]}
          />
          <TextInput
            label="Requests a second at most"
            description="Empty: no limit."
            inputMode="decimal"
            value={values.rate_limit_per_s}
            onChange={(event) => onChange({ rate_limit_per_s: event.currentTarget.value })}
            error={errors["rate_limit_per_s"]}
          />
          <TextInput
            label="Timeout of an attempt, in ms"
            description={`${limits.timeout_min_ms} to ${limits.timeout_max_ms}; empty: the preset’s.`}
            inputMode="numeric"
            value={values.timeout_ms}
            onChange={(event) => onChange({ timeout_ms: event.currentTarget.value })}
            error={errors["timeout_ms"]}
          />
        </div>
      </details>
    </>
  );
}

type HeadersProps = {
  headers: Header[];
  onChange(headers: Header[]): void;
  error: string | undefined;
  max: number;
};

function Headers({ headers, onChange, error, max }: HeadersProps) {
  const change = (at: number, changes: Partial<Header>) =>
    onChange(headers.map((header, index) => (index === at ? { ...header, ...changes } : header)));
  return (
    <fieldset className="headers">
      <legend>Headers</legend>
      <p className="dim">Sent with every attempt; values are encrypted where they are kept.</p>
      {headers.map(({ name, value }, index) => (
        <div key={index} className="headers-row">
          <TextInput
            aria-label={`Header ${index + 1}, name`}
            placeholder="Name"
            value={name}
            onChange={(event) => change(index, { name: event.currentTarget.value })}
            autoComplete="off"
            spellCheck={false}
          />
          <TextInput
            aria-label={`Header ${index + 1}, value`}
            placeholder="Value"
            value={value}
            onChange={(event) => change(index, { value: event.currentTarget.value })}
            autoComplete="off"
            spellCheck={false}
          />
          <Button
            variant="default"
            aria-label={`Remove header ${name || index + 1}`}
            onClick={() => onChange(headers.filter((_, each) => each !== index))}
          >
            Remove
          </Button>
        </div>
      ))}
      {error && <p className="field-error">{error}</p>}
      {headers.length < max && (
        <Button
          size="xs"
          variant="default"
          onClick={() => onChange([...headers, { name: "", value: "" }])}
        >
          Add a header
        </Button>
      )}
    </fieldset>
  );
}
