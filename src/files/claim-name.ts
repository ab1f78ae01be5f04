import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readProcessStat } from '../process/process-stat';

/** The process behind a claim: this one and no later one with its pid. */
export interface Claimant {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
  /** Begin of the kernel's boot id, because both of the above begin anew at every boot. */
  readonly boot: string;
}

const CLAIM = /^(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{16}$/;

/**
 * A name that no other claim ever had, for a file or directory that is worthless once this process is gone.
 *
 * @throws Error where /proc is missing
 */
export function claimName(): string {
  const stat = readProcessStat(process.pid);
  if (stat === undefined) throw new Error('/proc does not show this process, and locks need it');
  return `${process.pid}-${stat.startTime}-${bootId()}-${randomBytes(8).toString('hex')}`;
}

/** Reads a name made by {@link claimName}; undefined for any other name. */
export function parseClaim(name: string): Claimant | undefined {
  const [, pid, startTime, boot] = CLAIM.exec(name) ?? [];
  if (pid === undefined || startTime === undefined || boot === undefined) return undefined;
  return { pid: Number(pid), startTime, boot };
}

/** Whether the very process that made a claim still runs. A zombie does not, however long its parent leaves it. */
export function isAlive(claimant: Claimant): boolean {
  const stat = readProcessStat(claimant.pid);
  return claimant.boot === bootId() && stat?.startTime === claimant.startTime && !stat.hasEnded;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
}
