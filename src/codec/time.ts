/** Nanoseconds in a second. */
export const NANOS = 1_000_000_000n
