import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';

const DISK_FULL = /No space left on device/;

/** The error for what a program on the VM said, if its disk is full. */
export function diskFullOn(vm: FleetVm, said: string, cause?: unknown): FleetError | undefined {
  if (!DISK_FULL.test(said)) return undefined;
  return new FleetError({
    code: 'vm-disk-full',
    problem: `the disk of ${vm.name} is full`,
    remedy: `see what fills it: \`buildfleet exec ${vm.id} -- sh -c 'du -sh /build/*'\`, and delete unused workspaces`,
    cause,
  });
}
