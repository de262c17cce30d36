// What a supervisor and a process of its own ask each other, over the channel between them.
import { SECOND } from "../../kernel/duration.ts";

const ANSWER_MS_MAX = 5 * SECOND; // half of what Prometheus gives a scrape; a report waits two seconds for the database

type Message =
  { question: string; id: number; given?: unknown } | { answer: number; value: unknown };

/** What one side answers, by the name of the question. */
export type Answers = Record<string, (given: never) => unknown>;

export type Dialogue = {
  /** Asks the other side. Rejects where no answer comes within five seconds, or it is gone. */
  ask(question: string, given?: unknown): Promise<unknown>;
  /** Takes what the other side has sent. */
  hear(message: unknown): void;
};

/** Creates one side; `send` answers whether there is still somebody to send to. */
export function createDialogue(send: (message: Message) => boolean, answers: Answers): Dialogue {
  const waiting = new Map<number, (value: unknown) => void>();
  let asked = 0;

  async function answer(name: string, id: number, given: unknown): Promise<void> {
    const value = await answers[name]?.(given as never);
    send({ answer: id, value });
  }

  return {
    ask: (question, given) =>
      new Promise((resolve, reject) => {
        const id = (asked += 1);
        const end = (act: () => void) => {
          clearTimeout(timer);
          waiting.delete(id);
          act();
        };
        const fail = () => end(() => reject(new Error(`no answer to ${question}`)));
        const timer = setTimeout(fail, ANSWER_MS_MAX);
        waiting.set(id, (value) => end(() => resolve(value)));
        if (!send({ question, id, given })) fail();
      }),
    hear(message) {
      const heard = message as Message;
      if ("answer" in heard) waiting.get(heard.answer)?.(heard.value);
      else void answer(heard.question, heard.id, heard.given).catch(() => {}); // who asked waits no longer than its time
    },
  };
}
