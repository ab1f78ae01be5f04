import type { FleetVm } from '../../model/fleet';
import type { Connections } from '../ssh/connections';

/** The command that rsync reaches a VM with. rsync splits it at spaces and knows quotes, but no backslashes. */
export function rsyncShell(connections: Connections, vm: FleetVm): string {
  // rsync adds the host itself, which is the last argument.
  const args = connections.arguments(vm, ['-T', '-o', 'LogLevel=ERROR']).slice(0, -2);
  return ['ssh', ...args]
    .map((word) => (/^[\w/.,:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`))
    .join(' ');
}
