// The fields of an event type. JSON is judged as one types; what the service says of a schema, where it stands.
import { Checkbox, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";

import { issuesByField, type Failure } from "../../api/failure.ts";
import { Form } from "../../parts/form.tsx";
import { readJson } from "./json.ts";

export type TypeValues = {
  name: string;
  description: string;
  schema: string;
  example: string;
  enforce: boolean;
};

export type TypeGiven = {
  name: string;
  description: string | null;
  schema: unknown;
  example: unknown;
  enforce: boolean;
};

type FormProps = {
  initial: TypeValues;
  isNew: boolean;
  failure: Failure | null;
  isRunning: boolean;
  onSubmit(given: TypeGiven): void;
};

const FIELDS = ["name", "description", "schema", "example", "enforce"];

export function TypeForm({ initial, isNew, failure, isRunning, onSubmit }: FormProps) {
  const [values, setValues] = useState(initial);
  const set = (changes: Partial<TypeValues>) => setValues({ ...values, ...changes });
  const errors = issuesByField(failure, FIELDS);
  const schema = readJson(values.schema, "schema");
  const example = readJson(values.example, "value");
  const submit = () => {
    if (schema.problem !== null || example.problem !== null) return;
    onSubmit({
      name: values.name.trim(),
      description: values.description.trim() || null,
      schema: schema.value,
      example: example.value,
      enforce: values.enforce,
    });
  };
  return (
    <Form
      className="card type-form"
      action={{ failure, isRunning }}
      errors={errors}
      submit={isNew ? "Create" : "Save"}
      isBlocked={schema.problem !== null || example.problem !== null}
      onSubmit={submit}
    >
      {isNew && (
        <TextInput
          label="Name"
          description="Words joined by dots, like invoice.paid."
          value={values.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={errors["name"]}
          autoComplete="off"
          spellCheck={false}
          required
          withAsterisk={false}
        />
      )}
      <TextInput
        label="Description"
        value={values.description}
        onChange={(event) => set({ description: event.currentTarget.value })}
        error={errors["description"]}
      />
      <Textarea
        label="Schema of the payload"
        description="JSON Schema; empty: none."
        className="code-field"
        value={values.schema}
        onChange={(event) => set({ schema: event.currentTarget.value })}
        error={schema.problem ?? errors["schema"]}
        rows={12}
        spellCheck={false}
      />
      <Checkbox
        label="Refuse payloads that do not fit the schema"
        checked={values.enforce}
        disabled={values.schema.trim() === ""}
        onChange={(event) => set({ enforce: event.currentTarget.checked })}
        error={errors["enforce"]}
      />
      <Textarea
        label="Example"
        description="A sample payload, which test events send."
        className="code-field"
        value={values.example}
        onChange={(event) => set({ example: event.currentTarget.value })}
        error={example.problem ?? errors["example"]}
        rows={6}
        spellCheck={false}
      />
    </Form>
  );
}
