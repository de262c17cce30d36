// Bodies that nobody wants any more: their request has been answered. They are read to their end all the same, since who sends
// without reading would else never see the answer.
import type { RequestListener } from "node:http";

const REST_MS = 20; // after each 64 KiB: 3 MB/s, so that those who send for nothing take next to none of the process

/** Reads what is left of an answered request slowly, and drops it. */
export function readingUnwantedSlowly(app: RequestListener): RequestListener {
  return (request, response) => {
    // Before Node's own listener, which would drop it as fast as it comes, unless somebody has begun to read.
    response.prependOnceListener("finish", () => {
      if (request.complete) return;
      request.read(0);
      request.on("data", () => {
        request.pause();
        setTimeout(() => request.resume(), REST_MS).unref();
      });
    });
    app(request, response);
  };
}
