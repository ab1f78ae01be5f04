import { durationText } from './units';

/** Most that the clock of a VM may be from the workstation's, in seconds: sources are rarely edited and built within less. */
export const CLOCK_TOLERANCE_SECONDS = 2;

/** `2.4 s ahead`, `61 s behind`, for the seconds that a clock is ahead. */
export function differenceText(ahead: number): string {
  const seconds = Math.abs(ahead);
  return `${seconds < 10 ? `${seconds.toFixed(1)} s` : durationText(Math.round(seconds))} ${ahead < 0 ? 'behind' : 'ahead'}`;
}
