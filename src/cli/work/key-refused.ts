import { CDK_COMMAND } from '../../model/cdk-command';
import type { Fleet } from '../../model/fleet';
import type { SshFailure } from '../../ssh/failure';
import type { Problem } from '../status/report';

/**
 * The problem of a VM that answers and refuses the key: `status`, which logs in nowhere, cannot find it.
 *
 * @returns null when it failed for another reason
 */
export function keyRefused({ fleet, workstation }: Fleet, failure: SshFailure): Problem | null {
  if (failure.kind !== 'key-refused') return null;
  return {
    reason: `it does not let in the key ${workstation.developerKey}`,
    remedy: `see that this file is there, and that \`developers\` in main.ts names its public half, then run \`${CDK_COMMAND} deploy ${fleet}\`; a key with a passphrase has to be in the ssh-agent`,
  };
}
