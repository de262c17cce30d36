// Preloaded into a service: its wall clock is off by CHAOS_CLOCK_OFF_MS. The monotonic clock is right, as it is on a
// machine whose date is wrong.
const offMs = Number(process.env.CHAOS_CLOCK_OFF_MS);
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...parts) {
    if (parts.length === 0) super(RightDate.now() + offMs);
    else super(...parts);
  }

  static now() {
    return RightDate.now() + offMs;
  }
};
