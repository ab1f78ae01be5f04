import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../../process/process-identity';

/** One program that is kept running. */
export interface ServiceDefinition {
  readonly name: string;
  /** Absolute path of the program, then its arguments. They name the service's own directory, so that no other process has the same. */
  readonly argv: readonly string[];
  /** File that its output is appended to. */
  readonly log: string;
  /** Directories that are made before every start, 0755: those in `/run` vanish. */
  readonly directories: readonly string[];
  /** IPv4 address that it listens on besides 127.0.0.1, and that a machine may get only a while after a boot. */
  readonly address: string | null;
  /** What else it was started with, such as the hash of its configuration: another value means a restart. */
  readonly revision: string;
}

/** `services.json`: what the supervisor shall keep running. Written by deploy, read by the supervisor. */
export interface ServiceList {
  readonly formatVersion: 1;
  readonly services: readonly ServiceDefinition[];
}

/** `supervisor.json`: what runs. Written by the supervisor, read by plans. */
export interface SupervisorRecord {
  readonly formatVersion: 1;
  readonly supervisor: ProcessIdentity;
  /** Hash of the supervisor's own program. */
  readonly revision: string;
  readonly services: readonly RunningService[];
}

export interface RunningService extends ProcessIdentity {
  readonly name: string;
  /** {@link serviceFingerprint} of the definition it was started from. */
  readonly fingerprint: string;
}

/** Files of one supervisor. */
export function supervisorPaths(directory: string) {
  return {
    program: join(directory, 'supervisor.js'),
    list: join(directory, 'services.json'),
    record: join(directory, 'supervisor.json'),
    log: join(directory, 'supervisor.log'),
  };
}

/** The lock that a supervisor holds while it looks after a directory. */
export function supervisorLock(directory: string): string {
  return join(directory, 'supervisor.lock');
}

/** Equal for definitions that need no restart. */
export function serviceFingerprint({ name, argv, log, directories, revision }: ServiceDefinition): string {
  return createHash('sha256')
    .update(JSON.stringify([name, argv, log, directories, revision]))
    .digest('hex');
}

export function renderServiceList(services: readonly ServiceDefinition[]): string {
  const list: ServiceList = { formatVersion: 1, services };
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** @returns null if the file is missing or not of our making */
export function readServiceList(path: string): ServiceList | null {
  const list = readJson(path) as ServiceList | null;
  return list?.formatVersion === 1 && Array.isArray(list.services) && list.services.every(isDefinition) ? list : null;
}

/** @returns null if the file is missing or not of our making */
export function readSupervisorRecord(path: string): SupervisorRecord | null {
  const record = readJson(path) as SupervisorRecord | null;
  return record?.formatVersion === 1 &&
    isIdentity(record.supervisor) &&
    Array.isArray(record.services) &&
    record.services.every(isIdentity)
    ? record
    : null;
}

function isDefinition(value: unknown): boolean {
  const { name, argv, log, directories, revision } = Object(value) as Partial<Record<string, unknown>>;
  if (!Array.isArray(argv) || !Array.isArray(directories)) return false;
  const texts: unknown[] = [name, log, revision, ...(argv as unknown[]), ...(directories as unknown[])];
  return texts.every((text) => typeof text === 'string');
}

function isIdentity(value: unknown): boolean {
  const { pid, startTime } = Object(value) as Partial<Record<string, unknown>>;
  return Number.isInteger(pid) && typeof startTime === 'string';
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
