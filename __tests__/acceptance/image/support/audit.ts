import { createReadStream, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GUEST_USER } from '../../../../src/model/names';
import { run } from '../../../../src/process/run';

/** Where an image keeps what is not the distribution's. */
const DIRECTORIES = ['etc', 'root', 'home', 'build', 'var', 'boot', 'tmp', 'run', 'opt', 'srv', 'usr/local'];

/** Programs that {@link auditDisk} needs. */
export const AUDIT_TOOLS = ['qemu-img', 'sfdisk', 'debugfs'];

/** Finds something in the tree. `paths` are all files and links below {@link DIRECTORIES}, relative to `root`. */
type Check = (root: string, paths: readonly string[]) => readonly string[] | Promise<readonly string[]>;

/** What no image may hold, by the name of the finding. Each gives the paths, or the lines, that are wrong. */
const CHECKS: Readonly<Record<string, Check>> = {
  'private key': async (root, paths) => {
    const found = paths.filter((path) => /\/private-keys-v1(\.d)?\//.test(path));
    for (const path of paths) if (await holdsPrivateKey(join(root, path))) found.push(path);
    return found;
  },
  'host key': matching(/^etc\/ssh\/ssh_host_/),
  'machine id': (root) =>
    ['etc/machine-id', 'var/lib/dbus/machine-id'].filter((path) => isFile(root, path) && text(root, path) !== ''),
  password: (root) =>
    fields(root, 'etc/shadow')
      .filter(([, password = '']) => !/^[!*]+$/.test(password))
      .concat(fields(root, 'etc/passwd').filter(([, password]) => password !== 'x'))
      .map(([account = '']) => account),
  'copy of the accounts': matching(/^etc\/(passwd|shadow|group|gshadow|subuid|subgid)-$/),
  'account of the build': (root) =>
    fields(root, 'etc/passwd')
      .filter(([name, , uid]) => name !== GUEST_USER && Number(uid) >= 1000 && Number(uid) < 60_000)
      .map(([name = '']) => name),
  'authorized key': (root, paths) =>
    paths.filter((path) => /(^|\/)authorized_keys\d?(\.d\/[^/]+)?$/.test(path) && text(root, path).trim() !== ''),
  'right to use sudo': (root, paths) => [
    ...paths
      .filter((path) => /^etc\/sudoers(\.d\/[^/]+)?$/.test(path))
      .filter((path) => new RegExp(`^\\s*(${GUEST_USER}|ALL)\\s|NOPASSWD`, 'm').test(uncommented(text(root, path)))),
    ...fields(root, 'etc/group')
      .filter(([group = '', , , members = '']) => {
        return ['sudo', 'admin', 'wheel', 'root', 'lxd', 'docker'].includes(group) && members !== '';
      })
      .map(([group, , , members]) => `${group}: ${members}`),
  ],
  'seed, or trace of one having been read': matching(/^(var\/lib\/(cloud|buildfleet)|run\/cloud-init)\//),
  'installer that keeps cloud-init from a seed': (root, paths) =>
    paths.filter(
      (path) =>
        path === 'etc/cloud/cloud-init.disabled' ||
        (/^etc\/cloud\/cloud\.cfg\.d\//.test(path) && /datasource_list:\s*\[\s*None/.test(text(root, path))),
    ),
  'package list': (root, paths) =>
    paths.filter((path) => /^var\/lib\/apt\/lists\/./.test(path) && !/\/(lock|\.keep)$/.test(path)),
  'shell history': matching(/^(root|home\/[^/]+)\/\.([a-z]*_history|lesshst|viminfo|zhistory)$/),
  'random seed': matching(
    /^(var\/lib\/systemd\/(random-seed|credential\.secret)|boot\/(efi\/)?loader\/random-seed|.*\/\.gnupg\/random_seed)$/,
  ),
  'lease, or address of a network card': (root, paths) => [
    ...paths.filter((path) => /^var\/lib\/(dhcpc?d?|NetworkManager)\/.*lease/.test(path)),
    ...paths.filter(
      (path) =>
        /^etc\/(netplan|systemd\/network|udev\/rules\.d|network\/interfaces)(\/|$)/.test(path) &&
        /\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/i.test(text(root, path)),
    ),
  ],
  log: matching(/^var\/log\/(installer|journal)\/|^var\/log\/.*\.log$/),
  'file of the build': matching(/^(var\/)?tmp\//),
};

/**
 * Reads the tree of an image and says what in it must not be there.
 *
 * @param root its root directory, readable
 * @returns one line per finding, `host key: etc/ssh/ssh_host_rsa_key`
 * @throws Error when there is no system in it, which would have no findings either
 */
export async function auditTree(root: string): Promise<string[]> {
  if (fields(root, 'etc/shadow').length < 10 || !existsSync(join(root, 'var/lib/dpkg'))) {
    throw new Error(`${root} holds no system`);
  }
  const paths = DIRECTORIES.flatMap((directory) => filesBelow(root, directory));
  const findings: string[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    findings.push(...(await check(root, paths)).map((found) => `${name}: ${found}`));
  }
  return findings;
}

/**
 * {@link auditTree} for a disk. Reads every ext4 partition without mounting it.
 *
 * @param disk anything that qemu-img reads
 * @param work directory that does not exist; the tree stays at the returned `root`
 * @throws Error when no partition holds a system; volume groups are not looked into
 */
export async function auditDisk(disk: string, work: string): Promise<{ root: string; findings: string[] }> {
  const root = join(work, 'files');
  mkdirSync(root, { recursive: true });
  const raw = join(work, 'disk.raw');
  await run('qemu-img', ['convert', '-O', 'raw', disk, raw]);
  const table = JSON.parse((await run('sfdisk', ['--json', raw])).stdout) as {
    partitiontable: { sectorsize?: number; partitions: { start: number }[] };
  };
  const { sectorsize = 512, partitions } = table.partitiontable;
  for (const { start } of partitions) {
    // debugfs says on stderr what it does not find, and ends with 0
    for (const directory of DIRECTORIES) {
      const into = join(root, directory, '..');
      mkdirSync(into, { recursive: true });
      await run('debugfs', ['-R', `rdump /${directory} ${into}`, `${raw}?offset=${start * sectorsize}`], {
        acceptExitCodes: [0, 1],
      });
    }
  }
  rmSync(raw);
  return { root, findings: await auditTree(root) };
}

function matching(pattern: RegExp): Check {
  return (_, paths) => paths.filter((path) => pattern.test(path));
}

function filesBelow(root: string, directory: string): string[] {
  if (!existsSync(join(root, directory))) return [];
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

function isFile(root: string, path: string): boolean {
  return lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true;
}

function text(root: string, path: string): string {
  return isFile(root, path) ? readFileSync(join(root, path), 'utf8') : '';
}

function fields(root: string, path: string): string[][] {
  return text(root, path)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}

function uncommented(lines: string): string {
  return lines.replace(/^\s*(#|Defaults).*$/gm, '');
}

/** The key's text begins after the marker; programs that read keys have the marker alone. */
async function holdsPrivateKey(path: string): Promise<boolean> {
  if (!lstatSync(path).isFile()) return false;
  let before = '';
  for await (const chunk of createReadStream(path, 'latin1') as AsyncIterable<string>) {
    if (/-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----\s*[A-Za-z0-9+/]{40}/.test(before + chunk)) return true;
    if (/PuTTY-User-Key-File-\d: /.test(before + chunk)) return true;
    before = chunk.slice(-200);
  }
  return false;
}
