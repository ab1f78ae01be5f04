import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readProcess } from '../../../process/process-identity';
import { readProcessStat } from '../../../process/process-stat';

/**
 * Whether a living systemd manager of a user runs this process as a unit of buildfleet, and would start it again. The
 * cgroup alone is no proof, it outlives a manager that was killed; nor is the parent, which adopts other processes.
 */
export function isKeptByUserManager(pid: number): boolean {
  return isInUnitOfOurs(pid) && isUserManager(readProcessStat(pid)?.parent ?? 0);
}

function isInUnitOfOurs(pid: number): boolean {
  try {
    return /\/buildfleet-[^/]+\.service$/m.test(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  } catch {
    return false;
  }
}

function isUserManager(pid: number): boolean {
  const [program = '', ...args] = readProcess(pid)?.argv ?? [];
  return basename(program) === 'systemd' && args.includes('--user');
}
