/** Minutes for which heartbeats are remembered. */
export const HISTORY_MINUTES = 24 * 60;

/** Bytes of a ring: one bit a minute. */
export const RING_BYTES = HISTORY_MINUTES / 8;

/** In which of the last {@link HISTORY_MINUTES} minutes an entry had a heartbeat. Minutes are counted from 1970. */
export interface HeartbeatHistory {
  /** The first minute that is known of; it may be long past. */
  readonly since: number;
  /** Minute of the last heartbeat. */
  readonly latest: number;
  /** Bit `minute % HISTORY_MINUTES` is set when that minute had one, lowest bit of a byte first. */
  readonly ring: Uint8Array;
}

/** `unknown`: before the history begins, or the minute that is not over yet. */
export type Minute = 'beat' | 'missed' | 'unknown';

/** The history with one more heartbeat; the given one is left as it is. */
export function withHeartbeat(history: HeartbeatHistory | undefined, at: Date): HeartbeatHistory {
  const minute = minuteOf(at);
  // A clock that was set back by more than a day puts the whole history into the future.
  if (history === undefined || minute <= history.latest - HISTORY_MINUTES) {
    return { since: minute, latest: minute, ring: withBit(new Uint8Array(RING_BYTES), minute, true) };
  }
  const { since, latest } = history;
  const ring = Uint8Array.from(history.ring);
  // Forward these are the minutes without a heartbeat; backward, after a correction of the clock, those that never were.
  const last = Math.min(Math.max(minute, latest), Math.min(minute, latest) + HISTORY_MINUTES);
  for (let skipped = Math.min(minute, latest) + 1; skipped <= last; skipped += 1) withBit(ring, skipped, false);
  return { since: Math.min(since, minute), latest: minute, ring: withBit(ring, minute, true) };
}

/** The last `count` minutes, oldest first; the last one is the present minute. */
export function lastMinutes(history: HeartbeatHistory | undefined, now: Date, count: number): Minute[] {
  const present = minuteOf(now);
  return Array.from({ length: count }, (_, n) => {
    const minute = present - count + 1 + n;
    if (history === undefined || minute < history.since) return 'unknown';
    if (minute <= history.latest && minute > history.latest - HISTORY_MINUTES) {
      return hasBit(history.ring, minute) ? 'beat' : 'missed';
    }
    return minute < present ? 'missed' : 'unknown';
  });
}

function minuteOf(time: Date): number {
  return Math.floor(time.getTime() / 60_000);
}

function hasBit(ring: Uint8Array, minute: number): boolean {
  const bit = minute % HISTORY_MINUTES;
  return ((ring[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

function withBit(ring: Uint8Array, minute: number, value: boolean): Uint8Array {
  const bit = minute % HISTORY_MINUTES;
  const others = (ring[bit >> 3] ?? 0) & ~(1 << (bit & 7));
  ring[bit >> 3] = value ? others | (1 << (bit & 7)) : others;
  return ring;
}
