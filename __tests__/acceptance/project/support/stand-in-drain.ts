import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { hold } from '../../../../src/process/held';
import type { Drain } from '../../../../src/provider/resources/vm/drain';
import { pinnedKeyFile } from '../../../../src/provider/resources/vm/ssh-target';

/** The stand-in machine that shall be drained. */
export interface DrainedMachine {
  readonly port: number;
  readonly hostKey: string;
  readonly userKey: string;
  /** Directory of the VM in the state directory. */
  readonly vmDirectory: string;
}

/** How the provider drains a machine, as the account that the stand-in has. */
export function standInDrain(machine: DrainedMachine): Omit<Drain, 'timeoutSeconds' | 'signal'> {
  const name = 'haskell-build-alpha';
  mkdirSync(machine.vmDirectory, { recursive: true });
  writeFileSync(pinnedKeyFile(machine.vmDirectory), `${name} ${machine.hostKey}\n`);
  const nothing = () => undefined;
  return {
    ...{ name, tunnelPort: machine.port, keys: [machine.userKey], directory: machine.vmDirectory },
    script: readFileSync(join(__dirname, '../../../../assets/cli/drain.sh'), 'utf8'),
    hold: (file, args, options) =>
      hold(
        file,
        args.map((word) => word.replace(/^build@/, `${userInfo().username}@`)),
        options,
      ),
    log: { debug: nothing, info: nothing, warn: nothing },
    progress: { step: nothing, amount: nothing },
  };
}
