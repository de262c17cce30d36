// Settings that are a database's URL.
import { z } from "zod";

import { complaintAbout } from "../database/url-form.ts";

export const databaseUrl = z.string().superRefine((value, context) => {
  const message = complaintAbout(value);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});
