import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../model/errors';
import { asUbuntu, definitionHash, sourceDateEpoch, type UbuntuImageDefinition } from '../../model/image-definition';
import { VM_NAME_PREFIX } from '../../model/names';
import { endingWithUs } from '../../process/ending-with-us';
import { lastLine } from '../../process/output';
import { listProcesses, signalProcess } from '../../process/process-identity';
import { percentReporter } from '../../process/progress';
import { fillBuildKey } from './autoinstall';
import { AUTOINSTALL_DIRECTORY } from './rendered-files';
import { PACKER_PLUGINS_FILE } from './plugins';
import { PACKER_SOURCES } from './template';
import type { PackerBuildVariables, PackerVariable } from './variables';
import { verifyPackerPlugin } from './verify-plugin';
import type { BuiltDisk, ImageBuildRequest } from '../builder';
import { copyAssets } from '../staged-assets';
import { explainPackerFailure, explainPluginFailure } from './failures';
import { makeTemporary, removeStage } from '../stage';

export interface PackerBuildRequest extends ImageBuildRequest {
  /** QEMU's accelerator, where the image sets none. Default `tcg`. */
  readonly accelerator: 'kvm' | 'tcg' | undefined;
}

/** The template's source for each builder, and what it writes below `output/`. */
const SOURCES = {
  virtualbox: { source: PACKER_SOURCES.virtualbox, directory: 'virtualbox', format: 'ova', program: 'VBoxManage' },
  qemu: { source: PACKER_SOURCES.qemu, directory: 'qemu', format: 'qcow2', program: 'qemu-system-x86_64' },
} as const;

/** First version that takes its builders from plugins, and has to be told which. */
const PLUGINS_SINCE = [1, 7];

/** A processor that TCG emulates without fault: its cmpxchg16b breaks kernels. */
const ACCELERATORS = {
  kvm: { accelerator: 'kvm', qemu_arguments: [['-cpu', 'host']] },
  tcg: { accelerator: 'tcg', qemu_arguments: [['-cpu', 'qemu64,-cx16']] },
};

const VARIABLES = 'build.pkrvars.json';

/**
 * Builds an image with Packer: the installer runs in a virtual machine, then the provisioning scripts do. The key that
 * Packer logs in with is made for this build and never leaves the work directory.
 *
 * @throws FleetError that says what to do; CommandError when the signal fired
 */
export async function buildPackerImage(request: PackerBuildRequest): Promise<BuiltDisk> {
  const { workDirectory, signal } = request;
  const definition = asUbuntu(request.definition);
  try {
    const tools = await toolVersions(request, definition);
    const directory = join(workDirectory, 'packer');
    copyAssets(definition, request.assetsDirectory, directory);
    const plugin = await prepare(request, definition, directory, tools['packer'] ?? '');
    await runPacker(request, definition, directory);
    return {
      path: await takeResult(request, definition),
      packages: {},
      releases: {},
      tools: { ...tools, ...plugin },
    };
  } catch (cause) {
    throw signal.aborted ? cause : explainPackerFailure(cause, { definition, workDirectory });
  } finally {
    // Packer that was killed leaves its virtual machine running.
    endMachines(workDirectory);
    await removeStage(workDirectory, request.run);
  }
}

async function toolVersions(
  { run, signal }: PackerBuildRequest,
  { base }: UbuntuImageDefinition,
): Promise<Record<string, string>> {
  const version = async (program: string) =>
    lastLine((await run(program, ['--version'], { signal, env: { CHECKPOINT_DISABLE: '1' } })).stdout);
  const { program } = SOURCES[base.builder];
  return { packer: await version('packer'), [program]: await version(program) };
}

/**
 * Makes key, seed and variables of this build, and installs the plugins that a new Packer needs.
 *
 * @returns version and sha256 of the plugin by its name; empty for Packer that has its builders inside
 */
async function prepare(
  request: PackerBuildRequest,
  definition: UbuntuImageDefinition,
  directory: string,
  packerVersion: string,
): Promise<Readonly<Record<string, string>>> {
  const { run, signal, progress, workDirectory } = request;
  const key = join(workDirectory, 'build-key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'image-build', '-f', key], { signal });
  const userData = join(directory, AUTOINSTALL_DIRECTORY, 'user-data');
  const filled = fillBuildKey(readFileSync(userData, 'utf8'), readFileSync(`${key}.pub`, 'utf8'), userData);
  writeFileSync(userData, filled);
  const hash = definitionHash(definition);
  const variables: PackerBuildVariables & Partial<Record<PackerVariable, unknown>> = {
    seed_files: ['user-data', 'meta-data'].map((file) => join(directory, AUTOINSTALL_DIRECTORY, file)),
    ssh_private_key_file: key,
    definition_hash: hash,
    source_date_epoch: sourceDateEpoch(hash),
    output_directory: join(workDirectory, 'output'),
    toolchain: definition.toolchain.kind,
    // Packer's takes nine times as long as buildfleet's own
    disk_compression: false,
    ...ACCELERATORS[request.accelerator ?? 'tcg'],
  };
  writeFileSync(join(directory, VARIABLES), JSON.stringify(variables, null, 2));
  if (!takesPlugins(packerVersion)) {
    rmSync(join(directory, PACKER_PLUGINS_FILE), { force: true });
    return {};
  }
  progress('installing the plugins of Packer');
  const options = { cwd: directory, signal, env: { CHECKPOINT_DISABLE: '1' } };
  try {
    await run('packer', ['init', '.'], options);
  } catch (cause) {
    throw signal.aborted ? cause : explainPluginFailure(cause, { definition, workDirectory });
  }
  const { stdout } = await run('packer', ['plugins', 'installed'], options);
  return verifyPackerPlugin(definition, stdout, `image ${definition.name}`);
}

function takesPlugins(version: string): boolean {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version)?.slice(1) ?? []).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = PLUGINS_SINCE;
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

async function runPacker(
  { run, signal, progress, downloadDirectory, workDirectory }: PackerBuildRequest,
  { base }: UbuntuImageDefinition,
  directory: string,
): Promise<void> {
  const source = `${SOURCES[base.builder].source}.${VM_NAME_PREFIX}`;
  const chosen = Object.entries(base.variables).flatMap(([name, value]) => ['-var', `${name}=${value}`]);
  const command = ['build', '-color=false', '-timestamp-ui=false', `-only=${source}`, `-var-file=${VARIABLES}`];
  mkdirSync(downloadDirectory, { recursive: true });
  progress('building with Packer');
  // It ends when this process does, and takes its virtual machine down first.
  await run('setpriv', endingWithUs('packer', ...command, ...chosen, '.'), {
    cwd: directory,
    signal,
    env: { CHECKPOINT_DISABLE: '1', PACKER_CACHE_DIR: downloadDirectory, TMPDIR: makeTemporary(workDirectory) },
    onLine: (line) => {
      const [, step, detail] = /^(?:==> (?:[^:]*: )?(.*)|\s+[^:]*: (.*))$/.exec(line) ?? [];
      if (step !== undefined) progress(step);
      else if (detail !== undefined) progress('building with Packer', detail);
    },
  });
}

/** The one file that the source writes, as the cache takes it. */
async function takeResult(
  { run, signal, progress, workDirectory }: PackerBuildRequest,
  { base, name }: UbuntuImageDefinition,
): Promise<string> {
  const { directory, format } = SOURCES[base.builder];
  const output = join(workDirectory, 'output', directory);
  const found = existsSync(output) ? readdirSync(output).filter((file) => file.endsWith(`.${format}`)) : [];
  const [file, ...others] = found;
  if (file === undefined || others.length > 0) {
    throw new FleetError({
      code: 'packer-output',
      problem: `Packer ended without an error, and without the one .${format} file that was expected`,
      place: `image ${name}`,
      value: found,
      remedy: 'see whether the variables of the image change where Packer writes, then deploy again',
    });
  }
  const path = join(workDirectory, `disk.${format}`);
  if (format === 'ova') {
    renameSync(join(output, file), path);
  } else {
    progress('compressing the disk');
    const convert = ['convert', '-p', '-f', 'qcow2', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd'];
    await run('setpriv', endingWithUs('qemu-img', ...convert, join(output, file), path), {
      signal,
      onText: percentReporter(),
    });
  }
  return path;
}

function endMachines(workDirectory: string): void {
  const left = listProcesses().filter(({ argv }) => argv.some((word) => word.includes(`${workDirectory}/output/`)));
  for (const process of left) signalProcess(process, 'SIGKILL');
}
