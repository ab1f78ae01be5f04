import { CDK_COMMAND } from '../../model/cdk-command';
import type { Fleet } from '../../model/fleet';
import { classifySshFailure } from '../../process/host-key-probe';
import type { Problem } from '../status/report';

/**
 * Of a VM that answers and does not let us in: `status`, which logs in nowhere, cannot tell of it.
 *
 * @param stderr what ssh said when it failed
 * @returns null when it failed for another reason
 */
export function keyRefused({ fleet, workstation }: Fleet, stderr: string): Problem | null {
  if (classifySshFailure(stderr).state !== 'up') return null;
  return {
    reason: `it does not let in the key ${workstation.developerKey}`,
    remedy: `see that this file is there, and that \`developers\` in main.ts names its public half, then run \`${CDK_COMMAND} deploy ${fleet}\`; a key with a passphrase has to be in the ssh-agent`,
  };
}
