import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { FleetError } from '../../model/errors';
import { startDetached } from '../../process/detached';
import {
  isRunning,
  listProcesses,
  signalProcess,
  waitForEnd,
  type ProcessIdentity,
} from '../../process/process-identity';
import { writeFileAtomically } from '../../files/atomic';
import { makeDirectories } from '../../files/directories';
import {
  readServiceList,
  readSupervisorRecord,
  renderServiceList,
  serviceFingerprint,
  supervisorPaths,
  type RunningService,
  type ServiceDefinition,
} from './service-list';
import { findServiceProcesses } from './supervisor';

/** A service and how to see that it works. */
export interface ProbedService {
  readonly definition: ServiceDefinition;
  /** Whether this process answers as it should. MUST be quick and MUST NOT throw. */
  readonly probe: (process: ProcessIdentity) => Promise<boolean>;
}

/** Milliseconds that services get to answer after a start. */
const START_LIMIT = 20_000;
/** Milliseconds after which a process that runs without answering is ended, so that it starts anew. */
const HANG_LIMIT = 5000;
const SUPERVISOR_STOP_LIMIT = 15_000;

/** The process of this service if the supervisor and it are alive, and it was started from this definition. */
export function runningService(directory: string, definition: ServiceDefinition): RunningService | null {
  const record = readSupervisorRecord(supervisorPaths(directory).record);
  if (record === null || !isRunning(record.supervisor)) return null;
  const service = record.services.find(({ name }) => name === definition.name);
  return service !== undefined && service.fingerprint === serviceFingerprint(definition) && isRunning(service)
    ? service
    : null;
}

/** Every process of ours in this directory: the services' own, whether or not a supervisor knows them. */
export function serviceProcesses(directory: string, definitions: readonly ServiceDefinition[]): RunningService[] {
  const recorded = readSupervisorRecord(supervisorPaths(directory).record)?.services ?? [];
  return definitions.flatMap((definition) => findServiceProcesses(recorded, definition));
}

/**
 * Makes the supervisor of this directory run exactly these services and waits until all of them answer. What already
 * runs as it should is left alone.
 *
 * @throws FleetError `service-does-not-start` with the end of the service's log
 */
export async function ensureServices(
  directory: string,
  services: readonly ProbedService[],
  signal: AbortSignal,
): Promise<void> {
  const paths = supervisorPaths(directory);
  makeDirectories(directory, 0o700);
  const list = renderServiceList(services.map(({ definition }) => definition));
  const listChanged = readOrEmpty(paths.list) !== list;
  if (listChanged) writeFileAtomically(paths.list, list, { mode: 0o600 });
  await ensureSupervisor(directory, listChanged);
  const started = Date.now();
  let supervisorChecked = started;
  const ended = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    const silent = await silentServices(directory, services);
    if (silent.length === 0) return;
    const waited = Date.now() - started;
    if (waited > START_LIMIT) throw startError(silent[0]?.definition, paths.log);
    for (const { definition } of silent) {
      const hanging = runningService(directory, definition);
      if (waited < HANG_LIMIT || hanging === null || ended.has(definition.name)) continue;
      ended.add(definition.name);
      signalProcess(hanging, 'SIGKILL');
    }
    // It may have been told to go by somebody else, or killed, since we looked.
    if (Date.now() - supervisorChecked > 1000) {
      supervisorChecked = Date.now();
      await ensureSupervisor(directory, true);
    }
    await pause(25, undefined, { signal });
  }
}

/** Ends the supervisor and all of these services, and removes the supervisor's files. */
export async function removeServices(directory: string, definitions: readonly ServiceDefinition[]): Promise<void> {
  const paths = supervisorPaths(directory);
  for (const supervisor of supervisors(directory)) {
    signalProcess(supervisor, 'SIGTERM');
    if (!(await waitForEnd(supervisor, SUPERVISOR_STOP_LIMIT))) signalProcess(supervisor, 'SIGKILL');
  }
  const all = [...(readServiceList(paths.list)?.services ?? []), ...definitions];
  await endProcesses(serviceProcesses(directory, all));
  for (const path of [...Object.values(paths), ...all.map(({ log }) => log)]) {
    for (const file of [path, `${path}.1`]) rmSync(file, { force: true });
  }
}

/** Ends processes with SIGTERM, those that stay after five seconds with SIGKILL, and waits until they are gone. */
export async function endProcesses(processes: readonly ProcessIdentity[]): Promise<void> {
  for (const process of processes) signalProcess(process, 'SIGTERM');
  await Promise.all(
    processes.map(async (process) => {
      if (await waitForEnd(process, 5000)) return;
      signalProcess(process, 'SIGKILL');
      await waitForEnd(process, 5000);
    }),
  );
}

async function ensureSupervisor(directory: string, reload: boolean): Promise<void> {
  const paths = supervisorPaths(directory);
  const [alive] = supervisors(directory);
  if (alive !== undefined) {
    const record = readSupervisorRecord(paths.record);
    const current = record?.supervisor.pid !== alive.pid || record.revision === sha256(readFileSync(paths.program));
    if (current) {
      if (reload) signalProcess(alive, 'SIGHUP');
      return;
    }
    signalProcess(alive, 'SIGUSR2');
    if (!(await waitForEnd(alive, SUPERVISOR_STOP_LIMIT))) {
      signalProcess(alive, 'SIGKILL');
      await waitForEnd(alive, SUPERVISOR_STOP_LIMIT);
    }
  }
  await startDetached(process.execPath, [...SMALL_HEAP, paths.program, directory], {
    cwd: '/',
    outputPath: paths.log,
    append: true,
  });
}

/** It holds next to nothing, and stays for as long as the fleet. */
const SMALL_HEAP = ['--max-old-space-size=16', '--max-semi-space-size=1', '--single-threaded-gc'];

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function supervisors(directory: string): ProcessIdentity[] {
  const { program } = supervisorPaths(directory);
  return listProcesses().filter(({ argv }) => argv.at(-2) === program && argv.at(-1) === directory);
}

async function silentServices(
  directory: string,
  services: readonly ProbedService[],
): Promise<readonly ProbedService[]> {
  const answers = await Promise.all(
    services.map(async ({ definition, probe }) => {
      const process = runningService(directory, definition);
      return process !== null && (await probe(process));
    }),
  );
  return services.filter((_, index) => answers[index] !== true);
}

function startError(definition: ServiceDefinition | undefined, supervisorLog: string): FleetError {
  const log = definition?.log ?? supervisorLog;
  const tail = [readOrEmpty(log), readOrEmpty(supervisorLog)]
    .map((text) => text.trim().split('\n').slice(-10).join('\n'))
    .join('\n');
  return new FleetError({
    code: 'service-does-not-start',
    problem: `the workstation's ${definition?.name ?? 'service'} does not answer\n${tail}\n`,
    place: log,
    remedy: 'remove what these lines say, then deploy again',
    attribute: definition?.name,
  });
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
