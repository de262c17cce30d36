// The 404 of an operation that isn't there.
import { PosthornError } from "../kernel/errors.ts";
import { nearest } from "../kernel/near.ts";
import { OPERATIONS } from "./router.ts";

const NAME_SHOWN_MAX = 100;

/** The 404, with the operation that may have been meant. */
export function unknownOperation(name: string): PosthornError {
  const shown = JSON.stringify(name.slice(0, NAME_SHOWN_MAX));
  const near = nearest(name, OPERATIONS.keys());
  const advice = near === undefined ? "/docs lists those there are" : `did you mean ${near}?`;
  return new PosthornError("unknown_operation", `there is no operation ${shown}; ${advice}`);
}
