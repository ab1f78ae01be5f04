import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FleetError } from '../../model/errors';
import { percentReporter, reportStep } from '../../process/progress';
import { CommandError } from '../../process/run';
import { importArguments, type VirtualBoxMachine } from './arguments';
import { type VBoxManage, VBoxManageError } from './client';
import { type MachineSettings, parseSettingsFile } from './settings-file';

/**
 * Imports an appliance into a base folder that holds nothing else.
 *
 * @throws VBoxManageError; {@link ImportCutOff} when VBoxManage ended without a result, while VBoxSVC may go on
 */
export async function importAppliance(
  client: VBoxManage,
  machine: VirtualBoxMachine,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(machine.baseFolder, { recursive: true, mode: 0o700 });
  try {
    reportStep('importing the appliance');
    await client.run(importArguments(machine), signal, percentReporter());
  } catch (error) {
    const isKilled =
      error instanceof VBoxManageError && error.cause instanceof CommandError && error.cause.exitCode === undefined;
    throw isKilled ? new ImportCutOff(error) : error;
  }
}

/** VBoxManage was killed; the result of VBoxSVC's import shows later. */
export class ImportCutOff extends Error {
  constructor(cause: unknown) {
    super('VBoxManage was killed during the import', { cause });
    this.name = 'ImportCutOff';
  }
}

/** Settings of the machine that was imported as `name` into a base folder; undefined when there is none (yet). */
export function importedSettings(baseFolder: string, name: string): MachineSettings | undefined {
  const file = join(baseFolder, name, `${name}.vbox`);
  return existsSync(file) ? parseSettingsFile(readFileSync(file, 'utf8'), dirname(file)) : undefined;
}

/** @throws FleetError when there is no such file */
export function requireImage(imagePath: string, name: string): void {
  if (existsSync(imagePath)) return;
  throw new FleetError({
    code: 'image-missing',
    problem: 'the image of the VM is missing',
    place: name,
    value: imagePath,
    remedy: 'deploy again: it is then built anew',
    attribute: 'imagePath',
  });
}

/** Name of the controller that gets the seed's drive. @throws FleetError for an appliance without SATA */
export function requireSata(
  settings: MachineSettings,
  { name, imagePath }: { name: string; imagePath: string },
): string {
  if (settings.sataController !== null) return settings.sataController;
  throw new FleetError({
    code: 'appliance-unsuitable',
    problem: 'the appliance has no SATA controller, and the seed needs one',
    place: name,
    value: imagePath,
    remedy: 'build the image with its disk on SATA',
    attribute: 'imagePath',
  });
}
