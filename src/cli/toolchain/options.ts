import { Option } from 'commander';

/** Options of the commands that add something to running VMs. */
export const vmOptions = [
  new Option('--vm <vm>', 'any alias of the VM (default: the fleet’s default VM)'),
  new Option('--all', 'every VM of the fleet'),
];
