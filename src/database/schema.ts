// The tables as Kysely sees them; db/migrations makes them, db/README.md tells what they are for.
import type { ColumnType, Generated } from "kysely";

import type { KeyScope } from "../kernel/scopes.ts";

export type WebhookStatus = "Subscribed" | "Unsubscribed";
export type WebhookHealth = "ok" | "failing" | "disabled";
export type DeliveryOrder = "none" | "channel" | "webhook";
export type DeliveryCause = "publish" | "retry" | "replay" | "reconcile";
export type FinalStatus = "delivered" | "dead" | "cancelled";

/** Read as parsed JSON, written as JSON text. */
type Json<T> = ColumnType<T, string | null, string | null>;

export type WebhooksTable = {
  webhook_id: Generated<number>;
  tenant: string;
  id: string;
  version: Generated<string>;
  name: string | null;
  status: WebhookStatus;
  paused: boolean;
  health: Generated<WebhookHealth>;
  health_reason: string | null;
  announced_health: Generated<WebhookHealth>;
  announced_at: Date | null;
  disabling_announced_at: Date | null;
  dropping_announced_at: Date | null;
  released_at: Date | null;
  url: string;
  preset: string;
  /** Of the preset `custom` alone. */
  preset_settings: Json<unknown>;
  events: string[];
  channels: string[];
  headers_sealed: Buffer | null;
  signature_key_sealed: Buffer | null;
  signature_key_version: number;
  previous_key_sealed: Buffer | null;
  previous_key_expires_at: Date | null;
  retry_schedule_s: number[] | null;
  timeout_ms: number | null;
  rate_limit_per_s: number | null;
  delivery_order: DeliveryOrder;
  external_id: string | null;
  metadata: ColumnType<Record<string, string>, string | undefined, string>;
  created_at: Date;
  updated_at: Date;
  deleted_at: Date | null;
};

export type Schema = {
  "posthorn.settings": { name: string; value: string };
  "posthorn.keys": {
    id: string;
    name: string;
    scope: KeyScope;
    tenant: string | null;
    hash: Buffer | null;
    created_at: Date;
    expires_at: Date | null;
    revoked_at: Date | null;
    last_used_at: Date | null;
  };
  "posthorn.event_types": {
    tenant: string;
    name: string;
    description: string | null;
    schema: Json<unknown>;
    example: Json<unknown>;
    enforce: boolean;
    created_at: Date;
    updated_at: Date;
    archived_at: Date | null;
  };
  "posthorn.event_type_versions": {
    tenant: string;
    name: string;
    version: number;
    changed_at: Date;
    made_by: string | null;
    made_by_name: string | null;
    description: string | null;
    schema: Json<unknown>;
    example: Json<unknown>;
    enforce: boolean;
    is_archived: boolean;
  };
  "posthorn.webhooks": WebhooksTable;
  "posthorn.webhook_versions": {
    webhook_id: number;
    version: string;
    tenant: string;
    url: string;
    preset: string;
    preset_settings: Json<unknown>;
    headers_masked: Json<Record<string, string>>;
    valid_from: Date;
    valid_until: Date | null;
  };
  "posthorn.routes": { tenant: string; type_pattern: string; channel: string; webhook_id: number };
};
