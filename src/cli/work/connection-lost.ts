import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { classifySshFailure } from '../../ssh/client-messages';
import { SSH_CONNECTION_FAILED } from '../exit-codes';

/** Work that ended because the VM could not be reached any more, not because it failed. */
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

/** Exit codes of rsync that say that the other side is gone, or that a signal has ended rsync: see its manual. */
const RSYNC_CUT_OFF: readonly (number | undefined)[] = [10, 12, 20, 30, 35];

/**
 * Whether an ssh, or an rsync that goes through one, ended because of its connection. Any other exit code is what the
 * other side had to say, and it would say it again.
 *
 * @param exitCode undefined when a signal ended it
 */
export function wasCutOff(program: 'ssh' | 'rsync', exitCode: number | undefined): boolean {
  if (exitCode === undefined || exitCode === SSH_CONNECTION_FAILED) return true;
  return program === 'rsync' && RSYNC_CUT_OFF.includes(exitCode);
}
