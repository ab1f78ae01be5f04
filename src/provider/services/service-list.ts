import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { RecordFile } from '../../files/record';
import type { ProcessIdentity } from '../../process/process-identity';

/** Milliseconds after which a service that does not answer counts as dead. On a busy workstation an answer takes seconds. */
export const ANSWER_MS = 4000;

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
  /** Further input of the service, such as the hash of its configuration: another value means a restart. */
  readonly revision: string;
}

/** Services that the supervisor keeps running. */
export interface ServiceList {
  readonly services: readonly ServiceDefinition[];
}

/** The supervisor and the services that it runs. */
export interface SupervisorRecord {
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

/**
 * `services.json`, written by deploy, read by the supervisor, which changes nothing while it cannot read it.
 * Deploy writes it anew in any case.
 */
export const serviceList = new RecordFile<ServiceList>({
  file: 'services.json',
  shape: shape((list) => Array.isArray(list.services) && list.services.every(isDefinition)),
});

/**
 * `supervisor.json`, written by the supervisor, read by plans. An unreadable one counts as absent: the
 * supervisor writes it anew at its next change, and processes are also known by their arguments.
 */
export const supervisorRecord = new RecordFile<SupervisorRecord>({
  file: 'supervisor.json',
  shape: shape(
    ({ supervisor, services }) => isIdentity(supervisor) && Array.isArray(services) && services.every(isIdentity),
  ),
});

/** The supervisor's record; null where none can be read. */
export function readSupervisorRecord(directory: string): SupervisorRecord | null {
  const reading = supervisorRecord.read(directory);
  return reading.status === 'value' ? reading.value : null;
}

/** Checked by hand, because the supervisor stays in memory for as long as the fleet, and zod is larger than all of it. */
function shape<T>(fits: (value: Partial<Record<keyof T, unknown>>) => boolean): { parse(value: unknown): T } {
  return {
    parse: (value) => {
      if (fits(Object(value) as Partial<Record<keyof T, unknown>>)) return value as T;
      throw new Error('a member is missing or of another type');
    },
  };
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
