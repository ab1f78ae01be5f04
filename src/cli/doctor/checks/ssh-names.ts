import { isFleetError } from '../../../model/errors';
import { ok, type Observation, warning } from '../../../model/finding';
import { CommandError } from '../../../process/run';
import { removeBlock } from '../../../rendering/managed-block';
import { sshIncludeBlock } from '../../../rendering/ssh-config';
import type { Machine } from '../machine';
import type { Subject } from '../subject';

/** A name that no configuration speaks of: with any other name ssh does what it does with this one. */
const UNKNOWN = 'buildfleet-no-such-host';

/** Settings that make a name another machine's. */
const PLACE = /^(?:hostname|port|user|hostkeyalias|proxyjump|proxycommand) .*$/gm;

/** No name of a VM is that of another machine, in the operator's own ssh configuration or in /etc/hosts. */
export async function checkSshNames(machine: Machine, { fleet, name }: Subject): Promise<Observation[]> {
  if (fleet === null) return [];
  const path = fleet.operatorSshConfig;
  const own = withoutFleet(machine.read(path) ?? '', name);
  // What is wrong with the file, the check of the configuration says.
  if (own === null) return [];
  const remedy = `give the VM or the other machine another name, or use \`buildfleet ssh VM\``;
  const hosts = namesIn(machine.read('/etc/hosts') ?? '');
  const unknown = await placeOf(machine, own, UNKNOWN);
  const found: Observation[] = [];
  for (const alias of fleet.fleet.vms.flatMap((vm) => [vm.name, ...vm.aliases])) {
    if (hosts.has(alias)) {
      found.push(warning(`${alias} is a VM to ssh, and another machine in /etc/hosts`, remedy));
    }
    if (unknown === null) continue;
    const place = await placeOf(machine, own, alias);
    if (place !== null && place !== unknown.replaceAll(UNKNOWN, alias)) {
      const [, host = alias] = /^hostname (.*)$/m.exec(place) ?? [];
      const [, port = '22'] = /^port (.*)$/m.exec(place) ?? [];
      found.push(warning(`${path} gives ${alias}, which is a VM, to ${host} port ${port} as well`, remedy));
    }
  }
  return found.length > 0 ? found : [ok('the names of the VMs are those of no other machine')];
}

/** Where ssh goes by this configuration; null where it cannot say. */
async function placeOf({ run }: Machine, configuration: string, host: string): Promise<string | null> {
  // only such lines tell one name from another
  if (!/^\s*(?:host|match|include)\b/im.test(configuration)) return null;
  try {
    // Node gives its children a socket, which cannot be opened by a path; cat makes it a pipe.
    const { stdout } = await run('sh', ['-c', 'cat | ssh -G -F /dev/stdin -- "$1"', 'sh', host], {
      input: configuration,
    });
    return (stdout.match(PLACE) ?? []).join('\n');
  } catch (error) {
    if (!(error instanceof CommandError) || error.cancelled) throw error;
    return null;
  }
}

function withoutFleet(text: string, fleet: string): string | null {
  try {
    return removeBlock(text, sshIncludeBlock(fleet));
  } catch (error) {
    if (!isFleetError(error)) throw error;
    return null;
  }
}

function namesIn(hosts: string): ReadonlySet<string> {
  const lines = hosts.split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  return new Set(['localhost', ...lines.flatMap(([, ...names]) => names)]);
}
