import { setTimeout as pause } from 'node:timers/promises';
import { signalProcess, type ProcessIdentity } from '../../process/process-identity';
import type { ServiceDefinition } from './service-list';

/** Runner of services: units of the operator's systemd manager, or buildfleet's own supervisor. */
export type RunnerKind = 'user-units' | 'supervisor';

/** A service and its probe. */
export interface ProbedService {
  readonly definition: ServiceDefinition;
  /** Whether this process answers as it should. MUST be quick and MUST NOT throw. */
  readonly probe: (process: ProcessIdentity) => Promise<boolean>;
}

/** State of a runner and of its services. */
export interface RunnerObservation {
  /** The process of each service that is looked after and runs, by the service's name. */
  readonly running: ReadonlyMap<string, ProcessIdentity>;
  /**
   * The runner's own files: as {@link ServiceRunner.ensure} leaves them for these definitions, `altered`, or
   * `outdated` where the fleet's output holds a newer program.
   */
  readonly files: 'intact' | 'altered' | 'outdated';
}

/** Context of {@link ServiceRunner.ensure}. */
export interface EnsureContext {
  readonly signal: AbortSignal;
  /** Reported to the operator beside a success. */
  warn(summary: string, detail: string): void;
}

/** Starts services, starts them again when they die, and lets them survive the deploy. */
export interface ServiceRunner {
  readonly kind: RunnerKind;
  /** Called by every plan: MUST be quick. */
  observe(definitions: readonly ServiceDefinition[]): Promise<RunnerObservation>;
  /**
   * Runs exactly these services and waits until all of them answer. Services that run as defined are left alone. MUST
   * finish the work of an interrupted call.
   *
   * @throws FleetError `service-does-not-start` with the service's last output
   */
  ensure(services: readonly ProbedService[], context: EnsureContext): Promise<void>;
  /**
   * Ends these services and removes the runner's files, but no connection that a service has handed to a process of
   * its own. MUST succeed when nothing is there.
   */
  remove(definitions: readonly ServiceDefinition[], signal: AbortSignal): Promise<void>;
}

/** Milliseconds that services get to answer after a start. */
const START_LIMIT = 20_000;
/** Milliseconds after which a process that runs without answering is ended, so that its runner starts it anew. */
const HANG_LIMIT = 5000;
const REVIVE_INTERVAL = 1000;

/** Options of {@link awaitAnswers}. */
export interface Awaited {
  readonly running: () => Promise<ReadonlyMap<string, ProcessIdentity>>;
  /** Called once a second while a service is silent: its runner may have been ended from outside. */
  readonly revive: () => Promise<void>;
  /** The error when this service has not answered in time. */
  readonly giveUp: (definition: ServiceDefinition) => Promise<Error>;
  /** Milliseconds between two looks. */
  readonly interval: number;
}

/** Waits until all services answer; a process that hangs is ended once. */
export async function awaitAnswers(
  services: readonly ProbedService[],
  { running, revive, giveUp, interval }: Awaited,
  signal: AbortSignal,
): Promise<void> {
  const started = Date.now();
  let revived = started;
  const ended = new Set<string>();
  for (;;) {
    signal.throwIfAborted();
    const processes = await running();
    const answers = await Promise.all(
      services.map(async ({ definition, probe }) => {
        const process = processes.get(definition.name);
        return process !== undefined && (await probe(process));
      }),
    );
    const silent = services.filter((_, index) => answers[index] !== true);
    const [first] = silent;
    if (first === undefined) return;
    const waited = Date.now() - started;
    if (waited > START_LIMIT) throw await giveUp(first.definition);
    for (const { definition } of silent) {
      const hanging = processes.get(definition.name);
      if (waited < HANG_LIMIT || hanging === undefined || ended.has(definition.name)) continue;
      ended.add(definition.name);
      signalProcess(hanging, 'SIGKILL');
    }
    if (Date.now() - revived > REVIVE_INTERVAL) {
      revived = Date.now();
      await revive();
    }
    await pause(interval, undefined, { signal });
  }
}
