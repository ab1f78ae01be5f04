import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { startDetached } from '../../process/detached';
import {
  isRunning,
  listProcesses,
  signalProcess,
  waitForEnd,
  type ProcessIdentity,
} from '../../process/process-identity';
import { makeDirectories } from '../../files/directories';
import { canonicalPath } from '../../files/links';
import { removeAbandonedLock } from '../../files/lock';
import { FleetError } from '../../model/errors';
import { endProcesses } from './end-processes';
import { copyProgram, isOfferedProgram, programRevision } from './program-files';
import {
  readSupervisorRecord,
  serviceFingerprint,
  supervisorLock,
  serviceList,
  supervisorPaths,
  type RunningService,
  type ServiceDefinition,
} from './service-list';
import {
  awaitAnswers,
  type EnsureContext,
  type ProbedService,
  type RunnerObservation,
  type ServiceRunner,
} from './service-runner';
import { findServiceProcesses } from './supervisor';
import { isKeptByUserManager } from './units/kept-by-user-manager';

const PROGRAM = ['supervisor.js'] as const;
const SUPERVISOR_STOP_LIMIT = 15_000;
/** It holds next to nothing, and stays for as long as the fleet. */
const SMALL_HEAP = ['--max-old-space-size=16', '--max-semi-space-size=1', '--single-threaded-gc'];

/** One detached supervisor that starts services and starts them again: for machines without a user manager. */
export class SupervisorRunner implements ServiceRunner {
  readonly kind = 'supervisor';
  private readonly paths: ReturnType<typeof supervisorPaths>;

  /**
   * @param directory where the supervisor and its files lie
   * @param programs directory of the fleet's output that holds `supervisor.js`
   */
  constructor(
    private readonly directory: string,
    private readonly programs: string,
  ) {
    this.paths = supervisorPaths(directory);
  }

  /** Starts no program. */
  observe(definitions: readonly ServiceDefinition[]): Promise<RunnerObservation> {
    return Promise.resolve({ running: this.running(definitions), files: this.files(definitions) });
  }

  async ensure(services: readonly ProbedService[], { signal }: EnsureContext): Promise<void> {
    const definitions = services.map(({ definition }) => definition);
    makeDirectories(this.directory, 0o700);
    copyProgram(this.programs, this.directory, PROGRAM);
    const list = { services: definitions };
    const listChanged = readOrEmpty(this.paths.list) !== serviceList.render(list);
    if (listChanged) serviceList.write(this.directory, list);
    await this.ensureSupervisor(listChanged);
    await awaitAnswers(
      services,
      {
        running: () => Promise.resolve(this.running(definitions)),
        revive: () => this.ensureSupervisor(true),
        giveUp: (definition) => Promise.resolve(startError(definition, this.paths.log)),
        interval: 25,
      },
      signal,
    );
  }

  /** Starts the supervisor if it has ended; it starts its services. @returns whether it had */
  async revive(): Promise<boolean> {
    const record = readSupervisorRecord(this.directory);
    if (record === null || isRunning(record.supervisor) || this.supervisors().length > 0) return false;
    await this.ensureSupervisor(false);
    return true;
  }

  async remove(definitions: readonly ServiceDefinition[]): Promise<void> {
    for (const supervisor of this.supervisors()) {
      signalProcess(supervisor, 'SIGTERM');
      if (!(await waitForEnd(supervisor, SUPERVISOR_STOP_LIMIT))) signalProcess(supervisor, 'SIGKILL');
    }
    const recorded = readSupervisorRecord(this.directory)?.services ?? [];
    const list = serviceList.read(this.directory);
    const all = [...(list.status === 'value' ? list.value.services : []), ...definitions];
    const processes = all.flatMap((definition) => findServiceProcesses(recorded, definition));
    await endProcesses(processes.filter(({ pid }) => !isKeptByUserManager(pid)));
    for (const path of [...Object.values(this.paths), ...all.map(({ log }) => log)]) {
      for (const file of [path, `${path}.1`]) rmSync(file, { force: true });
    }
    removeAbandonedLock(supervisorLock(this.directory));
  }

  /** Processes of services if the supervisor and they are alive, and they were started from these definitions. */
  private running(definitions: readonly ServiceDefinition[]): Map<string, RunningService> {
    const record = readSupervisorRecord(this.directory);
    if (record === null || !isRunning(record.supervisor)) return new Map();
    const fingerprints = new Map(definitions.map((definition) => [definition.name, serviceFingerprint(definition)]));
    return new Map(
      record.services
        .filter((service) => fingerprints.get(service.name) === service.fingerprint && isRunning(service))
        .map((service) => [service.name, service]),
    );
  }

  private files(definitions: readonly ServiceDefinition[]): RunnerObservation['files'] {
    const started = readSupervisorRecord(this.directory)?.revision;
    const intact =
      readOrEmpty(this.paths.list) === serviceList.render({ services: definitions }) &&
      programRevision(this.directory, PROGRAM) === started;
    if (!intact) return 'altered';
    return isOfferedProgram(this.programs, this.directory, PROGRAM) ? 'intact' : 'outdated';
  }

  private async ensureSupervisor(reload: boolean): Promise<void> {
    const [alive] = this.supervisors();
    if (alive !== undefined) {
      const record = readSupervisorRecord(this.directory);
      const current =
        record?.supervisor.pid !== alive.pid || record.revision === sha256(readFileSync(this.paths.program));
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
    await startDetached(process.execPath, [...SMALL_HEAP, this.paths.program, this.directory], {
      cwd: '/',
      outputPath: this.paths.log,
      append: true,
    });
  }

  private supervisors(): ProcessIdentity[] {
    // An earlier version started it with the directory as it was spelled then.
    return listProcesses().filter(
      ({ argv }) =>
        basename(argv.at(-2) ?? '') === basename(this.paths.program) &&
        canonicalPath(argv.at(-1) ?? '') === canonicalPath(this.directory),
    );
  }
}

function startError({ name, log }: ServiceDefinition, supervisorLog: string): FleetError {
  const tail = [readOrEmpty(log), readOrEmpty(supervisorLog)]
    .map((text) => text.trim().split('\n').slice(-10).join('\n'))
    .join('\n');
  return new FleetError({
    code: 'service-does-not-start',
    problem: `the workstation's ${name} does not answer\n${tail}\n`,
    place: log,
    remedy: 'remove what these lines say, then deploy again',
    attribute: name,
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
