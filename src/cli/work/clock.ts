import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { CLOCK_TOLERANCE_SECONDS, differenceText } from '../../model/clock-difference';
import { printableLine } from '../../model/printable';

/** What a session found out about the clock of its machine. */
export interface ClockReading {
  /** Seconds that it is ahead of ours for certain, negative for behind. */
  readonly ahead: number;
  /** Seconds that it was ahead before it was put right; undefined when it was not. */
  readonly corrected: number | undefined;
  /** Why it was not put right; empty when that was not tried, or not necessary. */
  readonly trouble: string;
}

/** Longest reason of a machine's that is shown, in characters. */
const LONGEST_REASON = 200;

/**
 * Reads `clock BEGAN TIME [ANSWER]` of `assets/cli/session.sh`. The clock was read between the asking and the receiving,
 * so what lies in between is no difference.
 *
 * @param asked when the session was asked for, in ms since 1970
 * @param received when the line arrived, likewise
 * @returns undefined for a line that cannot be read
 */
export function readClock(line: string, asked: number, received: number): ClockReading | undefined {
  const [, first, last, word, rest = ''] = /^clock (\d{1,17}) (\d{1,17})(?: (\w+)(?: (.*))?)? *$/.exec(line) ?? [];
  if (first === undefined || last === undefined) return undefined;
  const [began, time] = [Number(first) / 1000, Number(last) / 1000];
  // Much of the last time may have been spent on waiting for the workspace.
  const ahead = time > received ? time - received : Math.min(0, (word === 'corrected' ? time : began) - asked);
  const seconds = /^-?\d{1,12}(\.\d{1,6})?$/.test(rest) ? Number(rest) : undefined;
  return {
    ahead: ahead / 1000,
    corrected: word === 'corrected' ? seconds : undefined,
    trouble: word === 'failed' ? printableLine(rest).slice(0, LONGEST_REASON) : '',
  };
}

/**
 * Compilers and cabal compare the times of sources, which are ours, with those of what they have made.
 *
 * @throws FleetError `vm-clock-wrong`
 */
export function requireRightClock(vm: FleetVm, reading: ClockReading | undefined): void {
  if (reading === undefined || Math.abs(reading.ahead) <= CLOCK_TOLERANCE_SECONDS) return;
  const why = reading.trouble === '' ? '' : `, and it cannot be put right: ${reading.trouble}`;
  throw new FleetError({
    code: 'vm-clock-wrong',
    problem: `the clock of ${vm.name} is ${differenceText(reading.ahead)}, so that edits would not be built${why}`,
    remedy:
      'see that the clock of this computer is right, and run `make deploy`, which starts the hub that tells VMs the time ' +
      'and makes VMs of an older image anew',
  });
}
