// Preloaded into a process: its wall clock is CLOCK_SHIFT_MS off from the start. Timers and the monotonic clock are not,
// as when a machine has a wrong time.
const shiftMs = Number(process.env.CLOCK_SHIFT_MS);
const RealDate = Date;
const realNow = RealDate.now.bind(RealDate);

class ShiftedDate extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(realNow() + shiftMs);
    else super(...values);
  }

  static now() {
    return realNow() + shiftMs;
  }
}

globalThis.Date = ShiftedDate;
