// What Node answers before any application sees it, answered in the one error shape; the connection is closed after.
import {
  STATUS_CODES,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http";
import type { Duplex } from "node:stream";

import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import { errorBody } from "./answer.ts";
import { REQUEST_ID, requestIdOf } from "./request-id.ts";
import { securityHeaderLines } from "./security-headers.ts";

const SECURITY_HEADERS = securityHeaderLines();
const LINGER_MS = 1 * SECOND; // for the caller to read the answer and close; who does not is cut off

/** Answers what is no request that the application could judge. */
export function answerBelowExpress(server: Server): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const refused = refusalOf(error.code ?? "");
    if (!refused || !socket.writable) socket.destroy();
    else refuse(socket, refused);
  });
  server.on("checkExpectation", (request: IncomingMessage) => {
    const refused = new PosthornError(
      "expectation_failed",
      "the only Expect known is 100-continue; leave the header out",
    );
    refuse(request.socket, refused, request.headers);
  });
  server.on("connect", (request, socket: Duplex) => {
    const refused = new PosthornError("method_not_allowed", "this is no proxy for CONNECT");
    refuse(socket, refused, request.headers);
  });
}

/** Refuses a request without exactly one Host (RFC 9112, 3.2), which Node would answer without a body. */
export function demandingHost(app: RequestListener): RequestListener {
  return (request, response) => {
    const hosts = request.headersDistinct["host"]?.length ?? 0;
    if (hosts === 1 || (hosts === 0 && request.httpVersion === "1.0")) {
      app(request, response);
      return;
    }
    const refused = invalid(`exactly one Host header is needed, ${hosts} were found`);
    refuse(request.socket, refused, request.headers);
  };
}

// Closes in stages (RFC 9112, 9.6): closed at once, what is still on its way would reset the line before the answer is
// read. After CONNECT Node has let go of the socket: its errors would end the process, and no close of the server reaches it.
function refuse(socket: Duplex, error: PosthornError, headers?: IncomingHttpHeaders): void {
  socket.on("error", () => {});
  socket.end(answerOf(error, requestIdOf(headers)));
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once("close", () => clearTimeout(cut));
}

function refusalOf(code: string): PosthornError | undefined {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new PosthornError(
        "headers_too_large",
        "the request's line and headers may have 16 KiB together; send less",
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new PosthornError("body_too_large", "the body's chunk extensions are too long");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new PosthornError(
        "request_timeout",
        "the request did not come to its end in time; send it faster, or less",
      );
    default:
      return code.startsWith("HPE_") ? invalid("this is not a request in HTTP/1.1") : undefined; // else the line is gone
  }
}

function invalid(message: string): PosthornError {
  return new PosthornError("invalid_request", message);
}

function answerOf(error: PosthornError, requestId: string): string {
  const { status } = error;
  const body = JSON.stringify(errorBody(error, requestId));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    `${REQUEST_ID}: ${requestId}`,
    ...(status === 405 ? ["Allow: GET, HEAD, POST"] : []),
    ...SECURITY_HEADERS,
    "",
    body,
  ].join("\r\n");
}
