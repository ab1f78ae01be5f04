import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { startDetached } from '../../process/detached';
import {
  isRunning,
  listProcesses,
  signalProcess,
  waitForEnd,
  type ProcessIdentity,
} from '../../process/process-identity';
import {
  readSupervisorRecord,
  serviceFingerprint,
  serviceList,
  supervisorPaths,
  supervisorRecord,
  type RunningService,
  type ServiceDefinition,
  type SupervisorRecord,
} from './service-list';

/** Milliseconds; short enough for a tunnel to be back 20 seconds after any service is. */
const RESTART_DELAYS = [100, 250, 500, 1000, 2000, 4000];
/** A service that ran for so many milliseconds starts from the first delay again. */
const STEADY_AFTER = 10_000;
const STOP_GRACE = 5000;
/** A process of a former supervisor is no child of this one, so its end gives no event. */
const ADOPTED_CHECK_INTERVAL = 500;
const LOG_CHECK_INTERVAL = 30_000;
const LOG_LIMIT = 1024 * 1024;

/** One service while it is wanted. */
interface Keeper {
  definition: ServiceDefinition;
  running: RunningService | null;
  startedAt: number;
  failures: number;
  timer: NodeJS.Timeout | null;
}

/**
 * Keeps the programs of `services.json` running. It has no clients: deploy writes the list and sends SIGHUP, and reads
 * `supervisor.json`. Every step may be cut by kill -9: the next supervisor takes over what still runs.
 */
export class Supervisor {
  private readonly keepers = new Map<string, Keeper>();
  private readonly paths: ReturnType<typeof supervisorPaths>;
  private readonly revision: string;
  /** Changes of the list are worked through one after another. */
  private turn: Promise<void> = Promise.resolve();
  private stopping = false;
  /** Services of a former supervisor that still run. */
  private former: readonly RunningService[];

  constructor(
    private readonly directory: string,
    private readonly self: ProcessIdentity,
  ) {
    this.paths = supervisorPaths(directory);
    this.revision = createHash('sha256').update(readFileSync(this.paths.program)).digest('hex');
    this.former = (readSupervisorRecord(directory)?.services ?? []).filter(isRunning);
  }

  /** Takes over or starts every service, then watches. */
  async start(): Promise<void> {
    await this.reload();
    setInterval(() => {
      this.checkAdopted();
    }, ADOPTED_CHECK_INTERVAL);
    setInterval(() => {
      this.boundLogs();
    }, LOG_CHECK_INTERVAL);
  }

  /** Reads the list again: starts what is new, restarts what changed, stops what is no longer there. */
  reload(): Promise<void> {
    return this.inTurn(async () => {
      const list = serviceList.read(this.directory);
      if (list.status !== 'value') {
        const reason = list.status === 'absent' ? 'there is none' : list.problem;
        this.say(`${this.paths.list} cannot be read: ${reason}; everything stays as it is`);
        return;
      }
      const wanted = new Map(list.value.services.map((service) => [service.name, service]));
      await Promise.all(
        [...this.keepers.values()].map(async (keeper) => {
          const next = wanted.get(keeper.definition.name);
          if (next !== undefined && serviceFingerprint(next) === serviceFingerprint(keeper.definition)) return;
          await this.end(keeper);
          this.keepers.delete(keeper.definition.name);
        }),
      );
      await Promise.all(this.former.filter(({ name }) => !wanted.has(name)).map((process) => this.endProcess(process)));
      await Promise.all(
        [...wanted.values()].filter(({ name }) => !this.keepers.has(name)).map((definition) => this.keep(definition)),
      );
      this.former = [];
      this.record();
    });
  }

  /** Stops every service. */
  stop(): Promise<void> {
    this.stopping = true;
    return this.inTurn(async () => {
      await Promise.all([...this.keepers.values()].map((keeper) => this.end(keeper)));
      this.say('stopped');
    });
  }

  /** Stops watching: ends no service and starts none any more. */
  handOver(): Promise<void> {
    this.stopping = true;
    return this.inTurn(() => {
      this.say('hands over');
    });
  }

  private async keep(definition: ServiceDefinition): Promise<void> {
    const keeper: Keeper = { definition, running: null, startedAt: Date.now(), failures: 0, timer: null };
    this.keepers.set(definition.name, keeper);
    const [found, ...doubles] = findServiceProcesses(this.former, definition);
    await Promise.all(doubles.map((process) => this.endProcess(process)));
    if (found === undefined) return this.launch(keeper);
    if (found.fingerprint === serviceFingerprint(definition)) {
      this.say(`${definition.name}: process ${found.pid} of a former supervisor goes on`);
      keeper.running = found;
      return;
    }
    this.say(`${definition.name}: process ${found.pid} of a former supervisor is out of date`);
    await this.endProcess(found);
    await this.launch(keeper);
  }

  private async launch(keeper: Keeper): Promise<void> {
    const { definition } = keeper;
    const [file = '', ...args] = definition.argv;
    keeper.startedAt = Date.now();
    try {
      for (const directory of definition.directories) mkdirSync(directory, { recursive: true, mode: 0o755 });
      const child = await startDetached(file, args, { cwd: '/', outputPath: definition.log, append: true });
      const running = { ...child.identity, name: definition.name, fingerprint: serviceFingerprint(definition) };
      keeper.running = running;
      this.record();
      this.say(`${definition.name}: started as process ${running.pid}`);
      void child.ended.then(({ code, signal }) => {
        this.ended(keeper, running, signal === null ? `exit code ${code}` : signal);
      });
    } catch (error) {
      this.ended(keeper, null, (error as Error).message);
    }
  }

  private ended(keeper: Keeper, process: RunningService | null, how: string): void {
    if (keeper.running !== process) return;
    keeper.running = null;
    // A service that is ended on purpose is removed from the map, before or at once after.
    if (this.stopping || keeper.timer !== null || this.keepers.get(keeper.definition.name) !== keeper) return;
    if (Date.now() - keeper.startedAt > STEADY_AFTER) keeper.failures = 0;
    const delay = RESTART_DELAYS[Math.min(keeper.failures, RESTART_DELAYS.length - 1)] ?? 0;
    keeper.failures += 1;
    this.say(`${keeper.definition.name}: ended (${how}), starts again in ${delay} ms`);
    this.record();
    keeper.timer = setTimeout(() => {
      keeper.timer = null;
      void this.inTurn(async () => {
        if (!this.stopping && this.keepers.get(keeper.definition.name) === keeper && keeper.running === null)
          await this.launch(keeper);
      });
    }, delay);
  }

  private async end(keeper: Keeper): Promise<void> {
    if (keeper.timer !== null) clearTimeout(keeper.timer);
    keeper.timer = null;
    const { running } = keeper;
    keeper.running = null;
    if (running === null) return;
    this.say(`${keeper.definition.name}: ends process ${running.pid}`);
    await this.endProcess(running);
  }

  private async endProcess(process: ProcessIdentity): Promise<void> {
    signalProcess(process, 'SIGTERM');
    if (await waitForEnd(process, STOP_GRACE)) return;
    signalProcess(process, 'SIGKILL');
    await waitForEnd(process, STOP_GRACE);
  }

  private checkAdopted(): void {
    for (const keeper of this.keepers.values()) {
      if (keeper.running !== null && !isRunning(keeper.running)) this.ended(keeper, keeper.running, 'seen to be gone');
    }
  }

  private record(): void {
    const record: SupervisorRecord = {
      supervisor: { pid: this.self.pid, startTime: this.self.startTime },
      revision: this.revision,
      services: [...this.keepers.values()].flatMap((keeper) => (keeper.running === null ? [] : [keeper.running])),
    };
    try {
      supervisorRecord.write(this.directory, record);
    } catch (error) {
      // A full disk must not end the services; the next change is recorded again.
      this.say(`${this.paths.record} cannot be written: ${(error as Error).message}`);
    }
  }

  /** Cuts logs while they are written to: programs append, so their next line starts the file anew. */
  private boundLogs(): void {
    const logs = [...this.keepers.values()].map((keeper) => keeper.definition.log);
    for (const log of [this.paths.log, ...logs]) {
      try {
        if (statSync(log).size <= LOG_LIMIT) continue;
        copyFileSync(log, `${log}.1`);
        truncateSync(log);
      } catch {
        // no log yet, or no room for the copy: the next round tries again
      }
    }
  }

  private say(line: string): void {
    try {
      appendFileSync(this.paths.log, `${new Date().toISOString()} ${line}\n`, { mode: 0o600 });
    } catch {
      // a full disk must not end the services
    }
  }

  private inTurn(body: () => Promise<void> | void): Promise<void> {
    this.turn = this.turn.then(body).catch((error: unknown) => {
      this.say(`defect: ${String(error)}`);
    });
    return this.turn;
  }
}

/**
 * Processes that run this service without being a living supervisor's children. A record names most of them; one that
 * was started and not yet recorded is known by its arguments alone: its fingerprint is empty, because its configuration
 * may have changed since.
 */
export function findServiceProcesses(
  recorded: readonly RunningService[],
  definition: ServiceDefinition,
): RunningService[] {
  const known = recorded.filter((service) => service.name === definition.name && isRunning(service));
  const others = listProcesses()
    .filter(({ pid, argv }) => isServiceArgv(argv, definition.argv) && !known.some((service) => service.pid === pid))
    .map(({ pid, startTime }) => ({ pid, startTime, name: definition.name, fingerprint: '' }));
  return [...known, ...others];
}

/** sshd replaces its arguments by a title: `sshd: /usr/sbin/sshd -D … [listener] 0 of 100-300 startups`. */
function isServiceArgv(seen: readonly string[], wanted: readonly string[]): boolean {
  const text = wanted.join(' ');
  return (
    (seen.length === wanted.length && seen.join(' ') === text) || (seen[0] ?? '').startsWith(`sshd: ${text} [listener]`)
  );
}
