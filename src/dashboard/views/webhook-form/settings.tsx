// The fields of the preset `custom`: the form that a receiver was written for.
import { NativeSelect, TextInput } from "@mantine/core";

import { ENCODINGS, ENVELOPE_NAMES, SIGNED, type PresetSettings } from "../../../presets/custom.ts";
import { useSignedIn } from "../../session/session.ts";

type SettingsProps = {
  settings: PresetSettings;
  onChange(settings: PresetSettings): void;
  errors: Record<string, string>;
};

const TEXTS = {
  signature_header: ["Signature header", "Carries the signature, like X-Hub-Signature-256."],
  prefix: ["Before the signature", "Like sha256=; in it {timestamp} is the time in Unix seconds."],
  id_header: ["Id header", "Carries the event’s id beside Webhook-Id; empty: none."],
  timestamp_header: ["Time header", "Carries the time beside Webhook-Timestamp; empty: none."],
} as const;

const CHOICES = {
  encoding: ["Encoding of the signature", ENCODINGS],
  signed: ["What is signed", SIGNED],
  envelope: ["Body: raw is the payload alone, others as those presets have it", ENVELOPE_NAMES],
} as const;

export function Settings({ settings, onChange, errors }: SettingsProps) {
  const { limits } = useSignedIn().settings;
  const names = Object.keys(TEXTS) as (keyof typeof TEXTS)[];
  const choices = Object.keys(CHOICES) as (keyof typeof CHOICES)[];
  return (
    <fieldset className="headers">
      <legend>Form of the preset custom</legend>
      {names.map((name) => (
        <TextInput
          key={name}
          label={TEXTS[name][0]}
          description={TEXTS[name][1]}
          value={settings[name] ?? ""}
          onChange={(event) => onChange({ ...settings, [name]: event.currentTarget.value })}
          maxLength={name === "prefix" ? limits.prefix : limits.header_name}
          error={errors[`preset_settings.${name}`]}
          required={name === "signature_header"}
          withAsterisk={false}
          autoComplete="off"
          spellCheck={false}
        />
      ))}
      {choices.map((name) => (
        <NativeSelect
          key={name}
          label={CHOICES[name][0]}
          data={[...CHOICES[name][1]]}
          value={settings[name]}
          onChange={(event) => onChange({ ...settings, [name]: event.currentTarget.value })}
          error={errors[`preset_settings.${name}`]}
        />
      ))}
      {errors["preset_settings"] && <p className="field-error">{errors["preset_settings"]}</p>}
    </fieldset>
  );
}
