import { FleetError } from '../../model/errors';
import type { FleetVm } from '../../model/fleet';
import { CommandError } from '../../process/run';
import { type Context, openFleet } from '../context';
import { EXIT } from '../exit-codes';
import type { LoadedFleet } from '../fleet-file';
import { describeTrouble } from '../status/explain';
import { Connections } from '../ssh/connections';
import { renderTable } from '../table';
import { askVm, type AskTools } from './ask-vm';
import { chooseVms, type VmChoice } from './choose-vms';
import type { AdditionReport, VmOutcome } from './report';

/** An addition, and its check afterwards. */
export interface Addition {
  readonly choice: VmChoice;
  /** Program and arguments on a VM. */
  readonly argv: readonly string[];
  /** Looks whether the hub shows it. Default: nothing is looked for. */
  readonly seenInHub?: (loaded: LoadedFleet, vm: FleetVm) => Promise<boolean>;
}

/**
 * Adds something to VMs, all at the same time.
 *
 * @returns the exit code: 0 when all have it, 4 when a VM could not be reached and no other failed, else 1
 */
export async function add(context: Context, { choice, argv, seenInHub }: Addition): Promise<number> {
  const loaded = openFleet(context);
  const vms = chooseVms(loaded, choice);
  const outcomes = await Promise.all(
    vms.map(async (vm) => {
      const say = (text: string) => {
        context.terminal.message(vms.length === 1 ? text : `${vm.id}: ${text}`);
      };
      const outcome = await askVm(vm, argv, askTools(context, loaded, say));
      if (!outcome.ok || seenInHub === undefined) return outcome;
      say('waiting for its entry in the State Hub to show it');
      const inHub = await seenInHub(loaded, vm);
      if (!inHub)
        say('its entry in the State Hub does not show it yet: `buildfleet status` says what is wrong with it');
      return { ...outcome, inHub };
    }),
  ).catch((error: unknown) => {
    throw context.signal.aborted && error instanceof CommandError ? stopped(error) : error;
  });
  report(context, loaded, outcomes);
  return exitCodeOf(outcomes);
}

function askTools(context: Context, loaded: LoadedFleet, onProgress: (text: string) => void): AskTools {
  return {
    ...{ connections: new Connections(loaded, context), onProgress },
    explain: async (vm) => (await describeTrouble(context, loaded, [vm]))[0],
  };
}

function stopped(cause: unknown): FleetError {
  return new FleetError({
    code: 'stopped',
    problem: 'stopped: what apt had begun on a VM is finished there, nothing else is',
    remedy: 'run it again',
    cause,
  });
}

function report({ terminal }: Context, loaded: LoadedFleet, outcomes: readonly VmOutcome[]): void {
  if (terminal.json) {
    const document: AdditionReport = { formatVersion: 1, fleet: loaded.fleet.fleet, vms: [...outcomes] };
    terminal.data(JSON.stringify(document, null, 2));
    return;
  }
  const rows = outcomes.flatMap(({ id, packages }) =>
    packages.map(({ name, version, change }) => [id, name, version, change]),
  );
  if (rows.length > 0) terminal.data(renderTable(['VM', 'PACKAGE', 'VERSION', 'CHANGE'], rows, terminal.colour));
  for (const { name, error } of outcomes) {
    if (error !== null) terminal.error(`buildfleet: ${name}: ${error.problem}: ${error.remedy}`);
  }
}

function exitCodeOf(outcomes: readonly VmOutcome[]): number {
  const failures = outcomes.flatMap(({ error }) => (error === null ? [] : [error.code]));
  if (failures.length === 0) return EXIT.ok;
  return failures.every((code) => code === 'vm-not-usable') ? EXIT.notUsable : EXIT.failure;
}
