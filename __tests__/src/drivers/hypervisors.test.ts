import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { examine } from '../../../src/cli/doctor/examine';
import { createDriver, preflightOf } from '../../../src/drivers';
import type { HypervisorDriver } from '../../../src/drivers/driver';
import { HYPERVISORS } from '../../../src/drivers/hypervisors';
import { typeEntry } from '../../../src/model/capability';
import { FleetError } from '../../../src/model/errors';
import { type Hypervisor, hypervisorSchema } from '../../../src/model/hypervisor';
import { FleetPaths } from '../../../src/model/paths';
import { CommandError, type Run } from '../../../src/process/run';
import { FRESH, fakeMachine } from '../cli/doctor/fake-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

const ROOT = join(__dirname, '../../..');
const DRIVERS = join(ROOT, 'src/drivers');
const TESTS = join(ROOT, '__tests__');

/** What this test asks of a hypervisor is asked of every folder that there is. */
const FOLDERS = readdirSync(DRIVERS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name as Hypervisor);

const FILES = [
  ...['features.ts', 'packages.txt', 'arguments.ts', 'record.ts', 'failures.ts'],
  ...['driver.ts', 'preflight.ts', 'index.ts'],
];

const missing = new CommandError('not there', 'program', '', '', undefined, 'ENOENT', false, undefined);

let state: string;

beforeEach(() => {
  state = temporaryDirectory();
});

/** A driver on a machine without any program. */
function driverOf(hypervisor: Hypervisor): HypervisorDriver {
  const run: Run = () => Promise.reject(missing);
  return createDriver(hypervisor, { paths: new FleetPaths(state), cacheDirectory: state, run });
}

test('each hypervisor of the model has a folder, and each folder is one of them', () => {
  expect([...FOLDERS].sort()).toEqual([...hypervisorSchema.options].sort());
  expect(Object.keys(HYPERVISORS)).toEqual(hypervisorSchema.options);
});

describe.each(FOLDERS)('%s', (hypervisor) => {
  const features = HYPERVISORS[hypervisor];

  test.each(FILES)('has %s', (file) => {
    expect(readdirSync(join(DRIVERS, hypervisor))).toContain(file);
  });

  test('the driver can do what the table says', () => {
    expect(driverOf(hypervisor).features).toBe(features);
  });

  test('each network is one kind, and a VM behind NAT has an address for its host', () => {
    const kinds = features.networks.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const { kind, hostAddress } of features.networks) expect(hostAddress === null).toBe(kind === 'bridged');
  });

  test('VMs of a state directory that is empty lie on no image', async () => {
    expect(await driverOf(hypervisor).diskOrigins(new AbortController().signal)).toEqual([]);
  });

  test('a program that is not installed is an error with a remedy', () => {
    const { explainFailure } = jest.requireActual<{
      explainFailure: (error: unknown, what: string, place: string) => unknown;
    }>(join(DRIVERS, hypervisor, 'failures'));
    const explained = explainFailure(missing, 'the VM cannot be started', 'alpha');
    expect(explained).toBeInstanceOf(FleetError);
    expect(explained).toMatchObject({
      code: `${hypervisor}-missing`,
      remedy: expect.stringMatching(/install/) as string,
    });
  });

  test('doctor asks whether it is installed first, and minds only where a host needs it', async () => {
    const [[name, installed] = []] = Object.entries(preflightOf(hypervisor));
    expect(name).toBe(hypervisor);
    const levels = async (isNeeded: boolean) =>
      (await installed?.(fakeMachine(), { isNeeded, bridgeAdapters: [], natHosts: [], cacheDirectory: state }))?.map(
        ({ level }) => level,
      );
    expect(await levels(true)).toEqual(['problem']);
    expect(await levels(false)).toEqual(['note']);
  });

  test('doctor reports it for a fleet with such a host', async () => {
    const { findings } = await examine(fakeMachine(), { ...FRESH, hypervisors: new Set([hypervisor]) });
    const problems = findings.filter(({ level }) => level === 'problem').map(({ check }) => check);
    const others = FOLDERS.filter((other) => other !== hypervisor);
    expect(problems).toContain(hypervisor);
    for (const other of others) expect(problems).not.toContain(other);
  });

  test('set-up installs its packages, each for a reason', () => {
    const lines = readFileSync(join(DRIVERS, hypervisor, 'packages.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.map((line) => line.split(' ')[0])).toEqual(features.packages);
    for (const line of lines) expect(line).toMatch(/^\S+ [a-z].*[^.]$/);

    const listing = `profile=deploy; eval "$(sed -n '/^needed() {/,/^}/p' scripts/setup.sh)"; needed`;
    const needed = execFileSync('bash', ['-euc', listing], { cwd: ROOT, encoding: 'utf8' }).split('\n');
    expect(needed).toEqual(expect.arrayContaining(lines));
    expect(needed.filter((line) => line.startsWith('#'))).toEqual([]);
  });

  test('the script of a first deploy, where there is one, is one that bash reads', () => {
    const { firstDeployScript } = features;
    if (firstDeployScript === null) return;
    expect(firstDeployScript.file).toMatch(/^[a-z-]+\.sh$/);
    for (const { kind: network } of features.networks) {
      const script = firstDeployScript.render({
        ...{ name: 'haskell-build-alpha', fleet: 'fleet', imageHash: '0123', cpus: 3, memoryMib: 4321, network },
        ...{ mac: '52:54:00:00:00:01', bridgeAdapter: null, imagePath: '~/image', vmDirectory: '~/vms/alpha' },
      });
      expect(script).toMatch(/^#!\/usr\/bin\/env bash\n/);
      expect(script).toContain('4321');
      execFileSync('bash', ['-n'], { input: script });
    }
  });

  test('the State Hub lists it among what build machines run with', () => {
    expect(typeEntry().keywords).toContain(hypervisor);
  });

  test('docs say what it can do, and explain its checks', () => {
    const rows = section(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8'), '## Drivers').map(cells);
    const column = rows.find((row) => row.includes('`qemu`'))?.indexOf(`\`${hypervisor}\``) ?? -1;
    const cell = (row: string) => rows.find(([name]) => name === row)?.[column];
    expect(cell('disk')?.split(/\W/)[0]).toBe(features.imageFormat);
    expect(cell('network')).toBe(features.networks.map(({ kind }) => kind).join(', '));
    const doctor = section(readFileSync(join(ROOT, 'docs/cli.md'), 'utf8'), '## `doctor`').join('\n');
    for (const check of Object.keys(preflightOf(hypervisor)))
      expect(doctor).toMatch(new RegExp(`^${check} |\`${check}\``, 'm'));
  });

  test('its arguments, failures and checks have unit tests, and its VMs an acceptance test', () => {
    const units = readdirSync(join(TESTS, 'src/drivers', hypervisor));
    expect(units).toEqual(expect.arrayContaining(['failures.test.ts', 'preflight.test.ts']));
    const suites = filesBelow(join(TESTS, 'acceptance')).filter((file) => file.endsWith('.test.ts'));
    expect(suites.some((file) => file.includes(hypervisor))).toBe(true);
  });
});

/** Code that may say a hypervisor's name, and why. */
const NAMED: Readonly<Record<string, string>> = {
  'src/model/hypervisor.ts': 'the list',
  'src/drivers/hypervisors.ts': 'the list of features',
  'src/drivers/index.ts': 'the list of drivers',
  'src/model/image-definition.ts': "Packer's builders",
  'constructs/private/ubuntu-image.ts': "Packer's builders",
  'src/images/build-failures.ts': 'a package that a builder needs',
  'src/images/ova/ovf.ts': 'the format is the one that VirtualBox writes',
  'src/provider/resources/image.ts': "what proves the accelerator for QEMU serves Packer's QEMU, too",
  'src/drivers/vm-record.ts': 'what wrote records before they named it',
  'src/model/complete-fleet.ts': 'what earlier fleet.json files left out',
  'src/provider/resources/vm/seed-record.ts': 'what wrote records before they named it',
};

test('no other code asks for a hypervisor by its name', () => {
  const names = FOLDERS.join('|');
  const mention = new RegExp(`['"\`](${names})['"\`]|drivers/(${names})/`);
  const naming = ['constructs', 'stacks', 'src']
    .flatMap((part) => filesBelow(join(ROOT, part)))
    .map((file) => relative(ROOT, file))
    .filter((file) => !FOLDERS.some((folder) => file.startsWith(`src/drivers/${folder}/`)))
    .filter((file) => !file.startsWith('src/images/packer/'))
    .filter((file) => mention.test(withoutComments(readFileSync(join(ROOT, file), 'utf8'))));
  expect(naming.filter((file) => NAMED[file] === undefined)).toEqual([]);
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Lines from a heading to the next one of its rank. */
function section(text: string, heading: string): string[] {
  const lines = text.split('\n');
  const from = lines.indexOf(heading) + 1;
  const to = lines.findIndex((line, index) => index >= from && line.startsWith('## '));
  return lines.slice(from, to === -1 ? undefined : to);
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
