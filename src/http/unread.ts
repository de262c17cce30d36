// Answers that nobody takes: they stay in memory for as long as their connection does.
import type { RequestListener } from "node:http";

/**
 * Cuts a connection off whose answer is made and has not moved for so long. One that is read slowly moves, and one that is
 * still being made is no fault of its reader's; of a large one the next slice waits for the one before.
 */
export function cuttingUnread(app: RequestListener, afterMs: number): RequestListener {
  return (request, response) => {
    response.setTimeout(afterMs, () => {
      if (response.writableEnded || response.writableNeedDrain) request.socket.destroy();
    });
    app(request, response);
  };
}
