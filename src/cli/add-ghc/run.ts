import { readFileSync } from 'node:fs';
import type { Context } from '../context';
import { inCheckout } from '../package-root';
import { add } from '../toolchain/add';
import type { VmChoice } from '../toolchain/choose-vms';
import { checkGhcVersion } from '../toolchain/grammar';
import { waitForGhcInHub } from '../toolchain/wait-for-hub';

/** `buildfleet add-ghc VERSION`: by GHCup where a VM has it, else from its distribution. */
export async function addGhc(context: Context, version: string, choice: VmChoice): Promise<number> {
  const wanted = checkGhcVersion(version);
  const program = readFileSync(inCheckout('assets/cli/add-ghc.py'), 'utf8');
  return await add(context, {
    choice,
    argv: ['python3', '-I', '-S', '-B', '-c', program, wanted],
    seenInHub: (loaded, vm) => waitForGhcInHub(loaded, vm, wanted, context.signal),
  });
}
