// TLS sessions to resume, by receiver: a handshake without costs nearly twice as much.

// A receiver may take each ticket once (RFC 8446, 8.1) and gives some at a time: connections opened side by side have one each.
const OF_ONE_MAX = 4;

// Some 2 kB each, the receiver's certificates with them: ten thousand receivers' fit.
const BYTES_MAX = 48 * 1024 * 1024;

export type Sessions = {
  /** One of those of this host and port, and of no other: what is resumed is not judged by its certificate again. */
  take(key: string): Buffer | undefined;
  add(key: string, session: Buffer): void;
};

/** Creates the memory of sessions; those of the receivers that were used longest ago go first. */
export function createSessions(bytesMax = BYTES_MAX): Sessions {
  const byKey = new Map<string, Buffer[]>(); // the receiver used last at the end
  let bytes = 0;

  function forgetOldest(): void {
    for (const [key, sessions] of byKey) {
      if (bytes <= bytesMax) return;
      byKey.delete(key);
      bytes -= sessions.reduce((sum, { length }) => sum + length, 0);
    }
  }

  return {
    take(key) {
      const sessions = byKey.get(key);
      if (!sessions) return undefined;
      byKey.delete(key);
      byKey.set(key, sessions);
      // The last one is used again: better than none where the receiver takes it twice, and most do.
      if (sessions.length === 1) return sessions[0];
      const session = sessions.pop();
      bytes -= session?.length ?? 0;
      return session;
    },
    add(key, session) {
      const sessions = byKey.get(key) ?? [];
      byKey.delete(key);
      byKey.set(key, sessions);
      sessions.push(session);
      bytes += session.length;
      if (sessions.length > OF_ONE_MAX) bytes -= sessions.shift()?.length ?? 0;
      forgetOldest();
    },
  };
}
