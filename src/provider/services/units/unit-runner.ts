import { FleetError } from '../../../model/errors';
import { readProcess, type ProcessIdentity } from '../../../process/process-identity';
import { renderServiceUnit, serviceUnitName } from '../service-unit';
import { endProcesses } from '../end-processes';
import { serviceFingerprint, type ServiceDefinition } from '../service-list';
import {
  awaitAnswers,
  type EnsureContext,
  type ProbedService,
  type RunnerObservation,
  type ServiceRunner,
} from '../service-runner';
import { findServiceProcesses } from '../supervisor';
import { isKeptByUserManager } from './kept-by-user-manager';
import type { UnitFiles } from './unit-files';
import type { UnitState, UserManager } from './user-manager';

/** Parts of a {@link UnitRunner}. */
export interface UnitRunnerParts {
  /** Null while no manager of the operator answers: units are then files, and all that can be done is to remove them. */
  readonly manager: UserManager | null;
  readonly files: UnitFiles;
  readonly fleet: string;
  /** What the names of the fleet's units begin with; no other fleet of the operator has the same. */
  readonly prefix: string;
  /** All services that there may be. */
  readonly services: readonly string[];
  /** Lets the manager run while the operator is not logged in. */
  readonly lingering: {
    ensure(signal: AbortSignal): Promise<boolean>;
    release(signal: AbortSignal): Promise<void>;
    /** Command that turns it on, for the operator to run where buildfleet may not. */
    readonly command: string;
  };
}

/** One unit a service, started and watched by the operator's systemd manager, and back after a boot. */
export class UnitRunner implements ServiceRunner {
  readonly kind = 'user-units';

  constructor(private readonly parts: UnitRunnerParts) {}

  async observe(definitions: readonly ServiceDefinition[]): Promise<RunnerObservation> {
    const { manager, files } = this.parts;
    const states = await manager?.show(definitions.map(({ name }) => this.unitOf(name)));
    const intact = definitions.every((definition) => {
      const unit = this.unitOf(definition.name);
      return (
        files.hasText(unit, this.textOf(definition)) && files.isEnabled(unit) && states?.get(unit)?.isStale !== true
      );
    });
    return { running: this.running(definitions, states), files: intact ? 'intact' : 'altered' };
  }

  /**
   * A unit is stopped before its file changes. A running one was therefore started from the present file, also after an
   * interrupted call.
   */
  async ensure(services: readonly ProbedService[], context: EnsureContext): Promise<void> {
    const { signal } = context;
    const { files, lingering } = this.parts;
    const manager = this.managerOrThrow();
    const definitions = services.map(({ definition }) => definition);
    const units = definitions.map(({ name }) => this.unitOf(name));
    const states = await manager.show(units, signal);
    const changed = definitions.filter((definition) => {
      const unit = this.unitOf(definition.name);
      return !files.hasText(unit, this.textOf(definition)) || states.get(unit)?.isStale !== false;
    });
    await files.prepare(signal);
    if (changed.length > 0) {
      await manager.stop(
        changed.map(({ name }) => this.unitOf(name)),
        signal,
      );
      for (const definition of changed) files.write(this.unitOf(definition.name), this.textOf(definition));
    }
    for (const unit of units) files.enable(unit);
    if (units.some((unit) => states.get(unit)?.isLoaded !== true) || changed.length > 0) await manager.reload(signal);
    const start = async (): Promise<void> => {
      // Left by a manager that was killed, or by a supervisor; they hold the ports.
      await endProcesses(definitions.flatMap((definition) => strays(definition)));
      await manager.start(units, signal);
    };
    await start();
    await awaitAnswers(
      services,
      {
        running: async () => this.running(definitions, await manager.show(units, signal)),
        revive: start,
        giveUp: (definition) => this.startError(manager, definition),
        interval: 100,
      },
      signal,
    );
    if (await lingering.ensure(signal)) return;
    context.warn(
      'sshd and hub end when you log out',
      `they run as units of your systemd manager, which ends with your last session and starts with the next one; have it run from boot on with "${lingering.command}"`,
    );
  }

  async remove(definitions: readonly ServiceDefinition[], signal: AbortSignal): Promise<void> {
    const { manager, files, lingering, services } = this.parts;
    const units = services.map((name) => this.unitOf(name));
    const states = await manager?.show(units, signal);
    const known = units.filter((unit) => files.isPresent(unit) || states?.get(unit)?.isLoaded === true);
    if (known.length > 0 && manager !== null) await manager.stop(known, signal);
    const kept = definitions.flatMap((definition) => findServiceProcesses([], definition)).find(isKept);
    if (kept !== undefined) throw unreachableError(kept);
    await files.remove(units, signal);
    if (known.length > 0 && manager !== null) {
      await manager.reload(signal);
      await manager.forget(known, signal);
    }
    await lingering.release(signal);
  }

  private running(
    definitions: readonly ServiceDefinition[],
    states: ReadonlyMap<string, UnitState> | undefined,
  ): Map<string, ProcessIdentity> {
    return new Map(
      definitions.flatMap(({ name }) => {
        const process = readProcess(states?.get(this.unitOf(name))?.pid ?? 0);
        return process === undefined ? [] : [[name, process] as const];
      }),
    );
  }

  private managerOrThrow(): UserManager {
    const { manager } = this.parts;
    if (manager === null) throw new Error('there is no manager to run units');
    return manager;
  }

  private unitOf(service: string): string {
    return serviceUnitName(this.parts.prefix, service);
  }

  private textOf(definition: ServiceDefinition): string {
    return renderServiceUnit({
      description: `${definition.name} of the fleet ${this.parts.fleet}`,
      argv: definition.argv,
      directories: definition.directories,
      address: definition.address,
      revision: serviceFingerprint(definition),
    });
  }

  private async startError(manager: UserManager, { name }: ServiceDefinition): Promise<FleetError> {
    const unit = this.unitOf(name);
    return new FleetError({
      code: 'service-does-not-start',
      problem: `the workstation's ${name} does not answer\n${await manager.describe(unit)}\n`,
      place: unit,
      remedy: `remove what these lines or "journalctl --user-unit ${unit}" say, then deploy again`,
      attribute: name,
    });
  }
}

function strays(definition: ServiceDefinition): ProcessIdentity[] {
  return findServiceProcesses([], definition).filter((process) => !isKept(process));
}

function isKept({ pid }: ProcessIdentity): boolean {
  return isKeptByUserManager(pid);
}

function unreachableError({ pid }: ProcessIdentity): FleetError {
  return new FleetError({
    code: 'user-manager-unreachable',
    problem: `your systemd manager runs this fleet's services (pid ${pid}) and does not answer from here`,
    place: 'systemctl --user',
    remedy:
      'deploy from a session of yours, or say where the manager is with XDG_RUNTIME_DIR (as a rule /run/user/ and your user id)',
  });
}
