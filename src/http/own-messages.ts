// Requests and answers that are Express's from the start. Express gives each that Node makes another prototype, and V8 then gives
// each a hidden class of its own, so that what it learns of one request helps with no other: some 120 look-ups a request are made
// the slow way. Where they have that prototype already, Express changes nothing.
import {
  IncomingMessage,
  ServerResponse,
  type RequestListener,
  type ServerOptions,
} from "node:http";

/** What `createServer` is to make for an Express application; nothing of its own for any other listener. */
export function messagesOf(
  app: RequestListener,
): Pick<ServerOptions, "IncomingMessage" | "ServerResponse"> {
  if (!isExpress(app)) return {};
  class Request extends IncomingMessage {}
  class Response<To extends IncomingMessage> extends ServerResponse<To> {}
  app.request = Object.setPrototypeOf(Request.prototype, app.request) as object;
  app.response = Object.setPrototypeOf(Response.prototype, app.response) as object;
  return { IncomingMessage: Request, ServerResponse: Response };
}

function isExpress(app: object): app is { request: object; response: object } {
  return "request" in app && "response" in app;
}
