// The fields of filters. What is typed takes effect by Enter or when the field is left: a half of it is none.
import { NativeSelect, TextInput, type TextInputProps } from "@mantine/core";
import { useState } from "react";

import type { Filters } from "../address/filters.ts";
import "./fields.css";

type FieldProps = {
  filters: Filters;
  name: string;
  label: string;
  /** What is wrong with it, by the service's judgement. */
  error?: string;
};

type Typed = {
  value: string;
  onDone(value: string): void;
  /** Told of what stands there so far. */
  onTyped?(text: string): void;
} & TextInputProps;

/** A text that is handed on when it is done. */
export function TypedText({ value, onDone, onTyped, ...props }: Typed) {
  const [text, setText] = useState(value);
  const [before, setBefore] = useState(value);
  if (value !== before) {
    setBefore(value);
    setText(value);
  }
  const done = () => {
    if (text.trim() !== value) onDone(text.trim());
  };
  return (
    <TextInput
      size="xs"
      autoComplete="off"
      spellCheck={false}
      {...props}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        onTyped?.(event.currentTarget.value.trim());
      }}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.key === "Enter") done();
      }}
    />
  );
}

/** A text to filter by. */
export function FilterText({
  filters,
  name,
  onDone = (value) => filters.set({ [name]: value }),
  ...props
}: FieldProps & TextInputProps & { onDone?(value: string): void }) {
  return <TypedText {...props} value={filters.get(name)} onDone={onDone} />;
}

type Choice = string | { value: string; label: string };

/** One of some words to filter by, or any. */
export function FilterSelect({
  filters,
  name,
  label,
  error,
  choices,
  any = "Any",
}: FieldProps & { choices: Choice[]; any?: string }) {
  return (
    <NativeSelect
      size="xs"
      label={label}
      error={error}
      value={filters.get(name)}
      onChange={(event) => filters.set({ [name]: event.currentTarget.value })}
      data={[{ value: "", label: any }, ...choices]}
    />
  );
}

/** A time to filter by: local to the one who looks, in the address as it is everywhere. */
export function FilterTime({ filters, name, label, error }: FieldProps) {
  return (
    <TimeInput
      size="xs"
      label={label}
      error={error}
      value={filters.get(name)}
      onDone={(value) => filters.set({ [name]: value })}
    />
  );
}

/** A time that is typed or picked; in and out go instants. */
export function TimeInput({ value, onDone, ...props }: Typed) {
  return (
    <TypedText
      {...props}
      type="datetime-local"
      step={1}
      value={toLocal(value)}
      onDone={(local) => onDone(local === "" ? "" : new Date(local).toISOString())}
    />
  );
}

function toLocal(at: string): string {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return "";
  const shifted = new Date(time - new Date(time).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** Some of these words, or none for any. */
export function FilterSome({
  filters,
  name,
  label,
  choices,
}: FieldProps & { choices: readonly string[] }) {
  const chosen = filters.get(name).split(",").filter(Boolean);
  const toggle = (choice: string) =>
    filters.set({
      [name]: choices.filter((each) => chosen.includes(each) !== (each === choice)).join(","),
    });
  return (
    <fieldset className="some">
      <legend>{label}</legend>
      <div>
        {choices.map((choice) => (
          <label key={choice}>
            <input
              type="checkbox"
              checked={chosen.includes(choice)}
              onChange={() => toggle(choice)}
            />
            {choice}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
