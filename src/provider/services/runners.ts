import { createHash } from 'node:crypto';
import { posix } from 'node:path';
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
  /** Directory of the fleet's output that holds `supervisor.js`. */
  readonly programs: string;
  readonly created: CreatedPaths;
}

/** Both runners of one fleet, and which of them is right for this machine. */
export interface Runners {
  /** The one that a deploy uses now: units where a manager of the operator answers, else the supervisor. */
  readonly preferred: ServiceRunner;
  readonly all: Readonly<Record<RunnerKind, ServiceRunner>>;
}

/** Looks for a manager of the operator. Where none has a socket, no program is started. */
export async function findRunners(surroundings: RunnerSurroundings, signal: AbortSignal): Promise<Runners> {
  const { run, home, environment, fleet, paths, programs, created } = surroundings;
  const { uid, username } = account();
  const units = unitDirectory(home, environment);
  const manager = await UserManager.find(run, runtimeDirectory(environment, uid), units, signal);
  const lingering: LingeringContext = { run, user: username, created, holder: `${fleet} lingering` };
  const all = {
    'user-units': new UnitRunner({
      manager,
      files: new UnitFiles(units, created, `${fleet} units`),
      fleet,
      prefix: unitPrefix(fleet, paths.stateDirectory, home),
      services: SERVICES,
      lingering: {
        ensure: (aborted) => ensureLingering(lingering, aborted),
        release: (aborted) => releaseLingering(lingering, aborted),
        command: `loginctl enable-linger ${username}`,
      },
    }),
    supervisor: new SupervisorRunner(paths.services, programs),
  };
  return { all, preferred: manager === null ? all.supervisor : all['user-units'] };
}

/** Fleets of one name in different state directories have units of their own. */
function unitPrefix(fleet: string, stateDirectory: string, home: string): string {
  if (stateDirectory === posix.normalize(expandHome(defaultStateDirectory(fleet), home))) return `buildfleet-${fleet}`;
  const digest = createHash('sha256').update(stateDirectory).digest('hex').slice(0, 8);
  return `buildfleet-${fleet}-${digest}`;
}
