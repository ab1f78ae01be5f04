import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../../src/process/run';
import { DownloadHost } from './download-host';

/** Programs that {@link StandInReleases} needs. */
export const RELEASES_TOOLS = ['gpg', 'gpgconf', 'tar'];

export const GHCUP = '/ghcup/9.9.9/x86_64-linux-ghcup-9.9.9';
export const LIST = '/metadata/list.yaml';
export const INDEX = '/hackage/01-index.tar?newest';

/** What is published of a tool. */
export interface StandInTool {
  readonly name: string;
  readonly version: string;
  /** What the program says that it is. */
  readonly says: string;
}

export function standInTool(name: string, version: string, says = version): StandInTool {
  return { name, version, says };
}

const USUAL = [standInTool('ghc', '9.8.4'), standInTool('ghc', '9.6.6'), standInTool('cabal', '3.12.1.0')];

/**
 * Stands in for the hosts of GHCup, GHC, cabal, Hackage and the key server: fake-ghcup and stand-ins for the compilers, on
 * a port of 127.0.0.1. Checksums, keys and signatures are real.
 */
export class StandInReleases {
  private started: DownloadHost | undefined;

  private constructor(
    private readonly directory: string,
    /** Fingerprints by whose they are. */
    readonly keys: Readonly<Record<'right' | 'wrong', string>>,
  ) {}

  /** @param directory exists; gets the keys, and what is published */
  static async make(directory: string): Promise<StandInReleases> {
    await run('mkdir', ['-m', '0700', join(directory, 'gnupg')]);
    const keys = { right: '', wrong: '' };
    const releases = new StandInReleases(directory, keys);
    for (const whose of ['right', 'wrong'] as const) {
      await releases.gpg('--quick-gen-key', `${whose} <${whose}@example.org>`, 'ed25519', 'sign', 'never');
      const { stdout } = await releases.gpg('--with-colons', '--list-keys', `${whose}@example.org`);
      keys[whose] = /^fpr:+([0-9A-F]{40}):/m.exec(stdout)?.[1] ?? '';
    }
    return releases;
  }

  /** Starts a host that has all that a build asks for. */
  async start(): Promise<DownloadHost> {
    this.started = await DownloadHost.start();
    this.host.files.set(GHCUP, fakeGhcup());
    this.host.files.set(this.keyPath('right'), await this.exportKey('right'));
    this.host.files.set(INDEX, Buffer.from('index'));
    await this.publish(USUAL, 'right');
    return this.host;
  }

  get host(): DownloadHost {
    if (this.started === undefined) throw new Error('the host is not started');
    return this.started;
  }

  /** Variables of install-haskell.sh that lead it here. */
  get environment(): Record<string, string> {
    return {
      ...{ GHCUP_VERSION: '9.9.9', GHCUP_SHA256: sha256(fakeGhcup()), GHCUP_KEYS: this.keys.right },
      ...{ GHCUP_BASE_URL: `${this.host.url}/ghcup`, GHCUP_METADATA_URL: this.host.url + LIST },
      GHCUP_KEYSERVER: this.host.url,
    };
  }

  keyPath(whose: 'right' | 'wrong'): string {
    return `/pks/lookup?op=get&options=mr&search=0x${this.keys[whose]}`;
  }

  async exportKey(whose: 'right' | 'wrong'): Promise<Buffer> {
    return Buffer.from((await this.gpg('--armor', '--export', this.keys[whose])).stdout);
  }

  /** Puts tools and a signed list of them on the host. */
  async publish(tools: readonly StandInTool[], signedBy: 'right' | 'wrong' = 'right'): Promise<void> {
    const lines: string[] = [];
    for (const { name, version, says } of tools) {
      const program = readFileSync(join(__dirname, `fake-${name}`), 'utf8')
        .replaceAll('@VERSION@', says)
        .replaceAll('@HACKAGE@', `${this.host.url}/hackage`);
      writeFileSync(join(this.directory, name), program, { mode: 0o755 });
      const archive = join(this.directory, 'archive.tar.gz');
      await run('tar', ['-C', this.directory, '-czf', archive, name]);
      const content = readFileSync(archive);
      this.host.files.set(`/bindist/${name}-${version}`, content);
      lines.push(`${name} ${version} ${sha256(content)} ${this.host.url}/bindist/${name}-${version}\n`);
    }
    const list = join(this.directory, 'list.yaml');
    writeFileSync(list, lines.join(''));
    await this.gpg('--local-user', this.keys[signedBy], '--output', `${list}.sig`, '--detach-sign', list);
    this.host.files.set(LIST, readFileSync(list));
    this.host.files.set(`${LIST}.sig`, readFileSync(`${list}.sig`));
  }

  /** Ends what gpg has started. */
  async remove(): Promise<void> {
    await run('gpgconf', ['--homedir', join(this.directory, 'gnupg'), '--kill', 'all']);
  }

  private async gpg(...args: string[]) {
    const options = ['--homedir', join(this.directory, 'gnupg'), '--batch', '--yes', '--passphrase', ''];
    return await run('gpg', [...options, ...args]);
  }
}

export function fakeGhcup(): Buffer {
  return readFileSync(join(__dirname, 'fake-ghcup'));
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
