import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { canonicalPath } from '../../files/links';
import { defaultStateDirectory, expandHome, type FleetPaths } from '../../model/paths';
import { account } from '../../process/account';
import type { Run } from '../../process/run';
import type { CreatedPaths } from './created-paths';
import type { RunnerKind, ServiceRunner } from './service-runner';
import { SupervisorRunner } from './supervisor-runner';
import { ensureLingering, releaseLingering, type LingeringContext } from './units/lingering';
import { runtimeDirectory, unitDirectory, UnitFiles } from './units/unit-files';
import { UnitRunner } from './units/unit-runner';
import { UserManager } from './units/user-manager';

/** Services that a workstation may have. */
const SERVICES = ['sshd', 'hub'] as const;

/** Surroundings of the runners of one fleet. */
export interface RunnerSurroundings {
  readonly run: Run;
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly fleet: string;
  readonly paths: FleetPaths;
  /** The state directory as the provider's configuration spells it. */
  readonly givenStateDirectory: string;
  /** Directory of the fleet's output that holds `supervisor.js`. */
  readonly programs: string;
  readonly created: CreatedPaths;
}

/** Both runners of one fleet, and which of them is right for this machine. */
export interface Runners {
  /** The one that a deploy uses now: units where a manager of the operator answers, else the supervisor. */
  readonly preferred: ServiceRunner;
  readonly all: Readonly<Record<RunnerKind, ServiceRunner>>;
  /** Units that earlier versions named by another spelling of the state directory; they are only removed. */
  readonly former: readonly ServiceRunner[];
}

/** Looks for a manager of the operator. Where none has a socket, no program is started. */
export async function findRunners(surroundings: RunnerSurroundings, signal: AbortSignal): Promise<Runners> {
  const { run, home, environment, fleet, paths, givenStateDirectory, programs, created } = surroundings;
  const { uid, username } = account();
  const units = unitDirectory(home, environment);
  const manager = await UserManager.find(run, runtimeDirectory(environment, uid), units, signal);
  const lingering: LingeringContext = { run, user: username, created, holder: `${fleet} lingering` };
  const unitRunner = (prefix: string): UnitRunner =>
    new UnitRunner({
      manager,
      files: new UnitFiles(units, created, `${fleet} units`),
      fleet,
      prefix,
      services: SERVICES,
      lingering: {
        ensure: (aborted) => ensureLingering(lingering, aborted),
        release: (aborted) => releaseLingering(lingering, aborted),
        command: `loginctl enable-linger ${username}`,
      },
    });
  const prefix = unitPrefix(fleet, paths.stateDirectory, home);
  const formerPrefix = unitPrefix(fleet, givenStateDirectory, home);
  const all = {
    'user-units': unitRunner(prefix),
    supervisor: new SupervisorRunner(paths.services, programs),
  };
  return {
    all,
    preferred: manager === null ? all.supervisor : all['user-units'],
    former: formerPrefix === prefix ? [] : [unitRunner(formerPrefix)],
  };
}

/** Starts what keeps a fleet's services running, where that has ended; systemd's manager does so itself. */
export function reviveServices(paths: FleetPaths): Promise<boolean> {
  return new SupervisorRunner(canonicalPath(paths.services), '').revive();
}

/** Fleets of one name in different state directories have units of their own. */
function unitPrefix(fleet: string, stateDirectory: string, home: string): string {
  const standard = posix.normalize(expandHome(defaultStateDirectory(fleet), home));
  if ([standard, canonicalPath(standard)].includes(stateDirectory)) return `buildfleet-${fleet}`;
  const digest = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 8);
  return `buildfleet-${fleet}-${digest}`;
}
