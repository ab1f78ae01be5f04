import { shellWord } from '../../rendering/shell-word';
import type { PlannedVm } from '../features';
import { firstDeploy, machineFiles, SATA_CONTROLLER } from './arguments';

/** Name of the script in the directory of a rendered VM. */
export const SCRIPT_FILE = 'vboxmanage.sh';

// Stand for what a deploy knows; no name or path holds control characters.
const MACHINE = '\u0001machine\u0001';
const ID = '\u0001id\u0001';
const ADAPTER = '\u0001adapter\u0001';

const LONGEST_LINE = 100;

/**
 * `vboxmanage.sh`: the commands of a first deploy, for reviewers to compare, and to run where VirtualBox is and
 * buildfleet is not. The driver makes its own calls by the same functions.
 */
export function renderVboxmanageScript(vm: PlannedVm): string {
  const { name, fleet, imageHash, imagePath, cpus, memoryMib, mac, network, vmDirectory } = vm;
  const { baseFolder, seedPath, consoleLog } = machineFiles(vmDirectory);
  const isAdapterOpen = network === 'bridged' && vm.bridgeAdapter === null;
  const bridgeAdapter = network === 'bridged' ? (vm.bridgeAdapter ?? ADAPTER) : null;
  const commands = firstDeploy({
    ...{ name, imagePath, baseFolder, seedPath, controller: SATA_CONTROLLER },
    owner: { fleet, vm: ID, image: imageHash, machine: MACHINE },
    hardware: { name, cpus, memoryMib, mac, network, bridgeAdapter, consoleLog },
  });
  const usage = `usage: ${SCRIPT_FILE} ID${isAdapterOpen ? ' ADAPTER' : ''}`;
  const lines = (argvs: readonly (readonly string[])[]) => argvs.map(command);
  return [
    '#!/usr/bin/env bash',
    `# What the first deploy of ${name} tells VirtualBox. ID is the id of its buildfleet_vm; a deploy also writes the seed.`,
    ...(isAdapterOpen ? ['# A deploy takes the first adapter that is up, wired before wireless.'] : []),
    `# ${usage}`,
    'set -euo pipefail',
    `id=\${1:?${usage}}`,
    ...(isAdapterOpen ? [`adapter=\${2:?${usage}}`] : []),
    '',
    ...lines(commands.create),
    `machine=$(VBoxManage list vms | sed -n 's/^"${name}" {\\([0-9a-f-]*\\)}$/\\1/p')`,
    ...lines(commands.configure),
    '',
    ...lines(commands.start),
    '',
    "read -r -p 'press return once the VM has registered: '",
    ...lines(commands.removeSeed),
    '',
  ].join('\n');
}

/** One line, or one an option, so that a change of one setting is a change of one line. */
function command(argv: readonly string[]): string {
  const words = ['VBoxManage', ...argv].map(word);
  const line = words.join(' ');
  if (line.length <= LONGEST_LINE) return line;
  return words.reduce((text, next) => `${text}${next.startsWith('--') ? ' \\\n  ' : ' '}${next}`);
}

/** One word of a shell command. */
function word(text: string): string {
  const isExpanded = text.startsWith('~/') || text.includes('\u0001');
  if (!isExpanded) return shellWord(text);
  const quoted = text
    .replace(/^~\//, '\u0001HOME\u0001/')
    .replace(/[\\"$`]/g, '\\$&')
    // eslint-disable-next-line no-control-regex -- the marks of the names above
    .replace(/\u0001(\w+)\u0001/g, '${$1}');
  return `"${quoted}"`;
}
