import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetVm } from '../../model/fleet';
import type { LoadedFleet } from '../fleet-file';
import { runtimeDirectory } from '../../files/runtime-directory';

/**
 * Remembers which VM worked on a project last. It is asked first, and where it will do, the others are not waited for:
 * none of them could be preferred to it, because they lack its build products.
 */
export class Home {
  private readonly file: string;

  /** @param workspace name of the project's workspace */
  constructor(
    private readonly loaded: LoadedFleet,
    environment: NodeJS.ProcessEnv,
    workspace: string,
  ) {
    const name = createHash('sha256').update(`${loaded.paths.stateDirectory}\0${workspace}`).digest('hex').slice(0, 16);
    this.file = join(runtimeDirectory(environment), `home-${name}`);
  }

  /** Undefined where none is known, or none of the fleet's any more. */
  find(): FleetVm | undefined {
    try {
      const name = readFileSync(this.file, 'utf8');
      return this.loaded.fleet.vms.find((vm) => vm.name === name);
    } catch {
      return undefined;
    }
  }

  remember(vm: FleetVm): void {
    try {
      writeFileSync(this.file, vm.name, { mode: 0o600 });
    } catch {
      // All of them are asked the next time.
    }
  }
}
