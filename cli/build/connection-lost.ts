import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { classifySshFailure } from '../../process/host-key-probe';

/** What was going on ended because the VM could not be reached any more, not because it failed. */
export class ConnectionLost extends FleetError {
  /** @param stderr what ssh or rsync said */
  constructor(vm: FleetVm, stderr: string, cause?: unknown) {
    const said = stderr.trim() === '' ? '' : ` (${classifySshFailure(stderr).detail})`;
    super({
      code: 'connection-lost',
      problem: `the connection to ${vm.name} was lost${said}`,
      remedy: `see \`buildfleet status\`; the VM has ended what ran there, and the same command goes on from what is built`,
      cause,
    });
  }
}
