// Hostile receivers, in a process of their own: the zoo of the tests, one after the other, until there are as many as asked.
import { ANSWERING, startReceiver, UNANSWERING } from "../../test/helpers/receivers.ts";

const count = Number(process.argv[2]);
const zoo = [...Object.values(ANSWERING), ...Object.values(UNANSWERING)];
process.once("disconnect", () => process.exit());
const receivers = await Promise.all(
  Array.from({ length: count }, (_, n) => startReceiver(zoo[n % zoo.length]!.behave)),
);
process.send?.({ urls: receivers.map(({ url }) => url) });
