import { resolve } from 'node:path';
import { expandHome } from '../../model/paths';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import { installInclude } from './install';
import type { InstallReport, Outcome } from './report';

const DONE: Readonly<Record<Outcome, string>> = {
  unchanged: "includes the fleet's already",
  installed: "includes the fleet's now",
  updated: "includes the fleet's from where it is now",
  moved: "includes the fleet's before everything else now",
};

/** `buildfleet install-ssh-config`: `ssh VM` finds the fleet's VMs afterwards. */
export async function installSshConfig(
  context: Context,
  { config }: { readonly config?: string | undefined },
): Promise<number> {
  const { fleet, sshConfig, operatorSshConfig } = openFleet(context);
  const file = resolve(config === undefined ? operatorSshConfig : expandHome(config, context.home));
  const outcome = await installInclude({ file, fleet: fleet.fleet, sshConfig, signal: context.signal });
  if (context.terminal.json) {
    const report: InstallReport = { formatVersion: 1, file, outcome };
    context.terminal.data(JSON.stringify(report));
  } else {
    const vm = fleet.vms[0]?.id;
    context.terminal.message(`${file} ${DONE[outcome]}${vm === undefined ? '' : `: try \`ssh ${vm}\``}`);
  }
  return EXIT.ok;
}
