import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../../../src/files/lock';
import type { ImageDefinition } from '../../../../src/model/image-definition';
import { type CommandResult, run, type RunOptions } from '../../../../src/process/run';
import { mirrorLines } from '../../../../src/images/mirror';

/** Programs that a {@link Chroot} needs. */
export const CHROOT_TOOLS = ['mmdebstrap', 'unshare', 'chroot', 'tar'];

/** What the scripts need that are run in a {@link Chroot}. */
const PACKAGES = ['ca-certificates', 'cloud-init', 'curl', 'gpg', 'sudo'];

const CACHE = join(__dirname, '../../../../.cache/acceptance/chroots');
const AS_ROOT = process.getuid?.() === 0;
/** In a user namespace the account of the tests is root and has the accounts of the tree. */
const NAMESPACE = AS_ROOT ? [] : ['--user', '--map-auto', '--map-root-user'];
/** $1 is the tree; the rest is the command. What is mounted is gone with the namespace. */
const ENTER = `set -e
root=$1
shift
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot "$root" "$@"`;

/** A Debian trixie without kernel and init, to run scripts in as root. Network and process ids are the machine's own. */
export class Chroot {
  private constructor(
    /** The tree as the machine sees it. */
    readonly root: string,
  ) {}

  /** Unpacks one at `root`, which does not exist. Debian's archive is asked once for all suites. */
  static async make(root: string): Promise<Chroot> {
    const archive = await cachedArchive();
    mkdirSync(root, { mode: 0o755 });
    await inNamespace(['tar', '--directory', root, '--exclude=./dev/*', '-xf', archive]);
    return new Chroot(root);
  }

  /** Runs a command in it as root, with no other environment than `env`. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const { env = {}, ...rest } = options;
    const variables = Object.entries({
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...{ HOME: '/root', LC_ALL: 'C', TZ: 'UTC', DEBIAN_FRONTEND: 'noninteractive', ...env },
    }).map(([name, value]) => `${name}=${value}`);
    return await run(
      'unshare',
      [
        ...[...NAMESPACE, '--mount', '--propagation', 'private'],
        ...['sh', '-c', ENTER, 'sh', this.root, '/usr/bin/env', '-i', ...variables, ...command],
      ],
      rest,
    );
  }

  /** Runs a shell script in it as root. @returns what it printed */
  async sh(script: string): Promise<string> {
    return (await this.run(['bash', '-ec', script])).stdout.trim();
  }

  /** Runs a command of the machine, as root of the tree. */
  async onMachine(command: readonly string[], options: RunOptions = {}): Promise<void> {
    await inNamespace(command, options);
  }

  /** Lets the account of the tests read all of it. */
  async makeReadable(): Promise<void> {
    await inNamespace(['chmod', '-R', 'a+rX', this.root]);
  }

  async remove(): Promise<void> {
    await inNamespace(['rm', '-rf', this.root]);
  }
}

async function inNamespace(command: readonly string[], options: RunOptions = {}): Promise<void> {
  const [program = '', ...args] = AS_ROOT ? command : ['unshare', ...NAMESPACE, ...command];
  await run(program, args, options);
}

/** Made by the suite that comes first; others that run beside it wait. */
async function cachedArchive(): Promise<string> {
  const key = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 12);
  const archive = join(CACHE, `trixie-${key}.tar`);
  mkdirSync(CACHE, { recursive: true });
  await withLock(`${archive}.lock`, async () => {
    if (!existsSync(archive)) await makeArchive(archive);
  });
  return archive;
}

async function makeArchive(archive: string): Promise<void> {
  const base = { kind: 'debian', suite: 'trixie', architecture: 'amd64', mirror: null, snapshot: null } as const;
  const partial = `${archive}.${process.pid}`;
  try {
    await run('mmdebstrap', [
      `--mode=${AS_ROOT ? 'root' : 'unshare'}`,
      ...['--variant=minbase', '--format=tar', '--architectures=amd64'],
      '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
      ...[`--include=${PACKAGES.join(',')}`, '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"'],
      '--dpkgopt=path-exclude=/usr/share/{doc,man,locale}/*',
      ...[base.suite, partial, ...mirrorLines({ base } as ImageDefinition)],
    ]);
    renameSync(partial, archive);
  } finally {
    rmSync(partial, { force: true });
  }
}
