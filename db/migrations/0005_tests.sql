-- When samples were sent to a webhook by webhooks.test within the last minute: there is a limit to them.
alter table posthorn.webhook_states add column tested_at timestamptz[] not null default '{}';
