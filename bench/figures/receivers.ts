// Receivers as they are out there: slow, and behind TLS, each at an origin of its own.
import { measureBacklog, noteMeasured, startNames, subscribeOrigins } from "../origins.ts";
import { BENCH, type Group } from "../stage.ts";

const DELAY_MS = 100;
const IN_FLIGHT = 1_000;
const ORIGINS = 1_000;
const FIRST = 30 * ORIGINS; // by then connections are open to all: one that is to be opened costs as much as ten requests
const GUESS_SLOW = 5_500; // deliveries a second, for a backlog that lasts
const GUESS_HTTP = 8_000;
const GUESS_HTTPS = 5_000;

export const receivers: Group = {
  title: "Slow and secure receivers",
  about:
    `Receivers that answer after ${DELAY_MS} ms, ${IN_FLIGHT} in flight; and ${ORIGINS} webhooks, each at an ` +
    `origin of its own, once ${FIRST} have arrived, over http with 256 in flight, and over https with 256 and with 1,000. The receiver's end of TLS runs on the same two cores.`,
  rounds: 1,
  async run(scene) {
    await scene.receiver.behave({ delayMs: DELAY_MS });
    const many = { POSTHORN_CONCURRENCY: String(IN_FLIGHT) };
    const slow = await measureBacklog(scene, BENCH, { guess: GUESS_SLOW, env: many });
    noteMeasured(scene, `receivers of ${DELAY_MS} ms`, slow, 5_000);
    const names = await startNames(scene);
    const overHttp = await subscribeOrigins(scene, names.http, ORIGINS);
    const plain = await measureBacklog(scene, overHttp, {
      guess: GUESS_HTTP,
      after: FIRST,
      env: names.env,
    });
    noteMeasured(scene, `http to ${ORIGINS} origins, 256 in flight`, plain);
    const overHttps = await subscribeOrigins(scene, names.https, ORIGINS);
    for (const inFlight of [256, IN_FLIGHT]) {
      const env = { ...names.env, POSTHORN_CONCURRENCY: String(inFlight) };
      const secure = await measureBacklog(scene, overHttps, {
        guess: GUESS_HTTPS,
        after: FIRST,
        env,
      });
      const name = `https to ${ORIGINS} origins, ${inFlight} in flight`;
      noteMeasured(scene, name, secure);
      scene.note(`${name}, to http`, secure.perSecond / plain.perSecond, "×", { atLeast: 0.6 });
    }
    await names.close();
  },
};
