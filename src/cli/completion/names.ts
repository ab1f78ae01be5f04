import { readdirSync } from 'node:fs';
import type { Context } from '../context';
import { openFleet } from '../context';
import { openProject } from '../deploy/project';
import type { LoadedFleet } from '../fleet-file';
import type { Candidate, Names } from './candidates';

/** Names from files of the workstation. A file that cannot be read gives none. */
export function namesFor(context: Context, directory: string): Names {
  const fleet = (fleetOption: string | undefined) =>
    attempt(() => [openFleet({ ...context, fleetOption: fleetOption ?? context.fleetOption })]);
  return {
    vms: (option) => fleet(option).flatMap(vmsOf),
    ghcs: (option) => fleet(option).flatMap(ghcsOf),
    // Which stacks main.ts describes is known since the last synth.
    stacks: () =>
      attempt(() => readdirSync(openProject(directory, context.environment).stacks)).map((value) => ({
        value,
        description: '',
      })),
  };
}

function vmsOf({ fleet: { vms } }: LoadedFleet): readonly Candidate[] {
  return vms.flatMap((vm) =>
    [vm.id, vm.name, ...vm.aliases].map((value) => ({ value, description: value === vm.id ? vm.name : `VM ${vm.id}` })),
  );
}

function ghcsOf({ fleet: { images, vms } }: LoadedFleet): readonly Candidate[] {
  return images.flatMap(({ id, ghcVersions }) => {
    const users = vms.filter((vm) => vm.image === id).map((vm) => vm.id);
    return ghcVersions.map((value) => ({ value, description: users.join(', ') }));
  });
}

function attempt<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch {
    return [];
  }
}
