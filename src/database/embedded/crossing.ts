// Whether another user can get into a folder: each folder on the way needs its `x` bit for them.
import { stat } from "node:fs/promises";
import { dirname } from "node:path";

import type { ServerUser } from "./server-user.ts";

/** Finds the topmost folder on the way to `path` (itself included) that `user` can't cross. */
export async function findBarrier(path: string, user: ServerUser): Promise<string | undefined> {
  const parent = dirname(path);
  const above = parent === path ? undefined : await findBarrier(parent, user);
  if (above !== undefined) return above;
  const { mode, uid, gid } = await stat(path);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & bit) === 0 ? path : undefined;
}
