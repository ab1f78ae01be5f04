import type { FleetVm } from '../../model/fleet';
import type { Connections } from '../ssh/connections';

/**
 * Starts what it is given, and lets its input through when a line has come on descriptor 3; before that only its first four
 * bytes. They are the version of the protocol, after which rsync prepares its checksums, which takes an emulated machine as
 * long as all that it does with a few files. The command takes this bash's place, so that nothing else holds its output when
 * it ends.
 */
const GATED = 'exec 4<&0; exec "$@" < <(exec 2>/dev/null; head -c 4 <&4; read -r _ <&3 && exec cat <&4) 3<&- 4<&-';

/**
 * The command that rsync reaches a VM with. rsync splits it at spaces and knows quotes, but no backslashes.
 *
 * @param gated whether what rsync says is kept back until its descriptor 3 has a line
 */
export function rsyncShell(connections: Connections, vm: FleetVm, gated = false): string {
  return [...(gated ? ['bash', '-c', GATED, 'gate'] : []), 'ssh', ...connections.options(vm, 'program')]
    .map((word) => (/^[\w/.,:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`))
    .join(' ');
}
