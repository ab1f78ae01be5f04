import type { Context } from '../context';
import { add } from '../toolchain/add';
import type { VmChoice } from '../toolchain/choose-vms';
import { checkPackageNames } from '../toolchain/grammar';

/** `buildfleet add-package NAME…`: asks the helper of each VM, which needs root for it. */
export async function addPackage(context: Context, names: readonly string[], choice: VmChoice): Promise<number> {
  const argv = ['buildfleet-helper', '--json', 'add-package', ...checkPackageNames(names)];
  return await add(context, { choice, argv });
}
