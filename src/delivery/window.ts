// What one worker has in flight: in all, and of each webhook.

export type Window = {
  readonly size: number;
  readonly byWebhook: ReadonlyMap<number, number>;
  enter(webhookId: number): void;
  leave(webhookId: number): void;
};

export function createWindow(): Window {
  const byWebhook = new Map<number, number>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    byWebhook,
    enter(webhookId) {
      size += 1;
      byWebhook.set(webhookId, (byWebhook.get(webhookId) ?? 0) + 1);
    },
    leave(webhookId) {
      size -= 1;
      const left = (byWebhook.get(webhookId) ?? 1) - 1;
      if (left === 0) byWebhook.delete(webhookId);
      else byWebhook.set(webhookId, left);
    },
  };
}
