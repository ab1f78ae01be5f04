import { FleetError } from '../../model/errors';
import { isAtLeast } from '../../process/ask';
import { lastLine } from '../../process/output';
import { SATA_CONTROLLER, VERSION_ARGUMENTS } from './arguments';
import type { VmSpec } from '../driver';
import { type VBoxManage, VBoxManageError } from './client';
import type { Machine } from './inventory';
import { hasDisk, ownerOf } from './observation';
import { parseVersion } from './output';
import type { VmRecord } from './record';
import { isBelow } from './removal';

/** The first whose VBoxManage spells its options as `arguments.ts` does. */
export const OLDEST_VERSION = [7, 0] as const;

/**
 * The machine that stands for a VM: the one that was written down, else one of its name, ours before others. One in the
 * VM's own base folder that was never written down is half made, and is for the driver's `create` to finish.
 */
export function findMachine(
  name: string,
  record: VmRecord | undefined,
  baseFolder: string,
  machines: readonly Machine[],
): Machine | undefined {
  const recorded = machines.find(({ uuid }) => uuid === record?.machine);
  if (recorded) return recorded;
  const named = machines.filter((machine) => machine.name === name && !isBelow(baseFolder, machine.configFile));
  return named.find((machine) => ownerOf(machine, undefined) !== null) ?? named[0];
}

export function isDigestMismatch(error: unknown): boolean {
  return error instanceof VBoxManageError && error.says('VERR_NOT_EQUAL');
}

export function controllerOf({ settings }: Machine): string {
  return settings?.sataController ?? SATA_CONTROLLER;
}

export function requireDisk(machine: Machine, name: string): void {
  if (hasDisk(machine)) return;
  throw new FleetError({
    code: 'vm-without-disk',
    problem: 'the disk of the VM is detached or gone',
    place: name,
    value: machine.configFile,
    remedy: 'deploy again: the VM is then replaced',
  });
}

export function notOurs(spec: Pick<VmSpec, 'name' | 'uuid' | 'fleet'>, problem: string, place: string): FleetError {
  return new FleetError({
    code: 'vm-not-ours',
    problem,
    place: `${spec.name} (${place})`,
    value: { fleet: spec.fleet, uuid: spec.uuid },
    remedy: 'give this VM or its fleet another name, or remove the other VM where it belongs',
    attribute: 'name',
  });
}

/** @throws FleetError for a VirtualBox whose commands are spelled otherwise */
export async function requireVersion(client: VBoxManage, signal: AbortSignal): Promise<void> {
  const text = await client.run(VERSION_ARGUMENTS, signal);
  const version = parseVersion(text);
  if (version !== undefined && isAtLeast(version, OLDEST_VERSION)) return;
  throw new FleetError({
    code: 'virtualbox-too-old',
    problem: 'this VirtualBox is too old or does not say its version',
    value: lastLine(text),
    remedy: `install VirtualBox ${OLDEST_VERSION.join('.')} or newer`,
  });
}
