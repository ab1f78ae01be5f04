import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FleetVm } from '../../model/fleet';
import { shellWord } from '../../rendering/shell-word';
import { SshFailure } from '../../ssh/failure';
import { inCheckout } from '../package-root';
import type { Variables } from '../project/environment';
import type { Connections } from '../ssh/connections';
import { ConnectionLost } from './connection-lost';
import { workspaceRefused } from './session';

/** Files that no command has read are deleted after so many minutes. */
const STALE_MINUTES = 10;

/** Variables on their way to one command on a VM. They travel as input: command lines can be read by other accounts. */
export class Passing {
  /** In memory: `/dev/shm` is on no disk. */
  private readonly file = `/dev/shm/buildfleet-env.${randomBytes(8).toString('hex')}`;

  constructor(
    private readonly connections: Connections,
    private readonly vm: FleetVm,
    private readonly variables: Variables,
  ) {}

  /** The command that gets the variables, once {@link place} has resolved. */
  command(argv: readonly string[]): readonly string[] {
    if (this.variables.size === 0) return argv;
    const script = readFileSync(inCheckout('assets/cli/with-env.sh'), 'utf8');
    return ['bash', '-c', script, 'with-env', this.file, ...argv];
  }

  /**
   * Brings the variables to the VM, where the command finds them.
   *
   * @throws ConnectionLost; FleetError `workspace-refused`; CommandError when the signal fired
   */
  async place(): Promise<void> {
    if (this.variables.size === 0) return;
    const stale = `find /dev/shm -maxdepth 1 -name 'buildfleet-env.*' -mmin +${STALE_MINUTES} -delete 2>/dev/null`;
    const command = `umask 077; ${stale}; cat >${shellWord(this.file)}`;
    const input = [...this.variables].map(([name, value]) => `${name}=${value}\0`).join('');
    try {
      await this.connections.run(this.vm, { what: 'the environment', command, input });
    } catch (error) {
      if (!(error instanceof SshFailure)) throw error;
      if (error.kind === 'unreachable') throw new ConnectionLost(this.vm, error.stderr, error);
      throw workspaceRefused(this.vm, error.said || error.message);
    }
  }
}
