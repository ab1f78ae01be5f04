import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import { renderMetaData, renderUserData, type SeedKeys } from '../../src/rendering/seed';
import { temporaryDirectory } from '../support/temporary-directory';

const SCRIPT = join(__dirname, '../../assets/debian/files/apply_seed.py');

const ENVIRONMENT = {
  hostName: 'haskell-build-alpha',
  hub: { port: 8000, domain: 'railiance' },
  relay: { host: '10.0.2.2', port: 12220, user: 'buildfleet-tunnel' },
  tunnelPort: 12221,
  heartbeatSeconds: 30,
};

const privateKey = (body: string) =>
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;

const KEYS: SeedKeys = {
  hostPrivateKey: privateKey('aG9zdA=='),
  hostPublicKey: 'ssh-ed25519 AAAAhost',
  tunnelPrivateKey: privateKey('dHVubmVs'),
  relayHostKeys: ['ssh-ed25519 AAAArelay'],
  developerKeys: ['ssh-ed25519 AAAAdeveloper somebody'],
};

/** What YAML, awk and the shell may take for something else, and what none of them does. */
const FREE_TEXT = Array.from('ab "\\\'#:|-@.~%&*{}[]é日');

/** What cloud-init would take from a seed. */
const seedSchema = z.object({
  hostname: z.string(),
  ssh_keys: z.object({ ed25519_private: z.string(), ed25519_public: z.string() }),
  write_files: z.array(z.object({ path: z.string(), permissions: z.string(), content: z.string() })),
});

let root: string;
let seed: string;

beforeEach(() => {
  root = temporaryDirectory();
  seed = join(root, 'seed');
  mkdirSync(seed);
  for (const path of ['etc/buildfleet', 'etc/ssh/authorized_keys.d']) mkdirSync(join(root, path), { recursive: true });
});

/** @returns what it says */
function apply(userData: string, instanceId = 'haskell-build-alpha-1'): string {
  writeFileSync(join(seed, 'user-data'), userData);
  writeFileSync(join(seed, 'meta-data'), renderMetaData({ instanceId, hostName: ENVIRONMENT.hostName }));
  return execFileSync(SCRIPT, [seed, root], { encoding: 'utf8' });
}

const isApplied = () => existsSync(join(root, 'run/buildfleet-seed/applied'));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const mode = (path: string) => (statSync(join(root, path)).mode & 0o777).toString(8).padStart(4, '0');
const filesIn = (path: string) => readdirSync(join(root, path)).sort();

describe('apply-seed', () => {
  test('writes what cloud-init would, with the same modes, and leaves no copy of a key behind', () => {
    writeFileSync(join(root, 'etc/ssh/ssh_host_rsa_key'), 'of the image');
    const userData = renderUserData({ environment: ENVIRONMENT, keys: KEYS });

    expect(apply(userData)).toBe('');

    expect(isApplied()).toBe(true);
    const wanted = seedSchema.parse(parse(userData));
    for (const { path, permissions, content } of wanted.write_files) {
      expect(read(path)).toBe(content);
      expect(mode(path)).toBe(permissions);
    }
    expect(wanted.write_files).toHaveLength(4);
    expect(read('etc/hostname')).toBe('haskell-build-alpha\n');
    expect(read('etc/ssh/ssh_host_ed25519_key')).toBe(KEYS.hostPrivateKey);
    expect(mode('etc/ssh/ssh_host_ed25519_key')).toBe('0600');
    expect(read('etc/ssh/ssh_host_ed25519_key.pub')).toBe(`${KEYS.hostPublicKey}\n`);
    expect(filesIn('etc/ssh')).toEqual(['authorized_keys.d', 'ssh_host_ed25519_key', 'ssh_host_ed25519_key.pub']);
    expect(filesIn('etc/buildfleet')).toEqual(['known_hosts', 'tunnel_key']);
    expect(filesIn('run/buildfleet-seed')).toEqual(['applied']);
  });

  test('applies a seed once for each instance', () => {
    const userData = renderUserData({ environment: ENVIRONMENT, keys: KEYS });
    apply(userData);
    writeFileSync(join(root, 'etc/hostname'), 'changed\n');

    apply(userData);
    expect(read('etc/hostname')).toBe('changed\n');
    expect(isApplied()).toBe(true);

    apply(userData, 'haskell-build-alpha-2');
    expect(read('etc/hostname')).toBe('haskell-build-alpha\n');
  });

  test('starts over where it was cut off', () => {
    const userData = renderUserData({ environment: ENVIRONMENT, keys: KEYS });
    apply(userData);
    rmSync(join(root, 'var/lib/buildfleet/instance-id'));
    writeFileSync(join(root, 'etc/buildfleet/tunnel_key.new'), 'half');
    writeFileSync(join(root, 'etc/buildfleet/tunnel_key'), '');

    apply(userData);

    expect(read('etc/buildfleet/tunnel_key')).toBe(KEYS.tunnelPrivateKey);
    expect(filesIn('etc/buildfleet')).toEqual(['known_hosts', 'tunnel_key']);
  });

  test('takes every seed that a deploy can write, or leaves it whole to cloud-init', () => {
    // comments of public keys are the only free text in a seed
    const comment = fc.string({ unit: fc.constantFrom(...FREE_TEXT), maxLength: 20 });
    const key = comment.map((text) => `ssh-ed25519 AAAA${text === '' ? '' : ` ${text}`}`);
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 3 }), key, (developerKeys, hostPublicKey) => {
        rmSync(join(root, 'run'), { recursive: true, force: true });
        rmSync(join(root, 'var'), { recursive: true, force: true });
        rmSync(join(root, 'etc/ssh/authorized_keys.d/build'), { force: true });
        const userData = renderUserData({ environment: ENVIRONMENT, keys: { ...KEYS, developerKeys, hostPublicKey } });
        const said = apply(userData);
        const isPlain = !/["\\]/.test(hostPublicKey);
        expect(isApplied()).toBe(isPlain);
        if (isPlain) {
          expect(said).toBe('');
          expect(read('etc/ssh/authorized_keys.d/build')).toBe(developerKeys.map((line) => `${line}\n`).join(''));
          expect(read('etc/ssh/ssh_host_ed25519_key.pub')).toBe(`${hostPublicKey}\n`);
        } else {
          expect(said).toContain('left to cloud-init');
          expect(existsSync(join(root, 'etc/ssh/authorized_keys.d/build'))).toBe(false);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('leaves every other seed to cloud-init, and touches nothing', () => {
    const lines = renderUserData({ environment: ENVIRONMENT, keys: KEYS }).trimEnd().split('\n');
    const text = (changed: readonly string[]) => `${changed.join('\n')}\n`;
    const isInBlock = (line: string) =>
      /^ {4}[A-Za-z-]|^ {6}/.test(line) && !/^ {4}(owner|permissions|content):/.test(line);
    const others = lines.flatMap((line, index) => [
      // a line too many, and a line of the frame less or different
      text(lines.toSpliced(index, 0, 'runcmd: [reboot]')),
      ...(isInBlock(line) ? [] : [text(lines.toSpliced(index, 1)), text(lines.with(index, `${line} # x`))]),
    ]);
    expect(others.length).toBeGreaterThan(60);
    for (const userData of [
      '',
      '#cloud-config\n',
      text([...lines, 'runcmd: []']),
      text(lines.slice(0, -1)),
      ...others,
    ]) {
      expect(apply(userData)).toMatch(/^apply-seed: left to cloud-init: line \d+ of user-data/);
      expect(isApplied()).toBe(false);
    }
    expect(filesIn('etc')).toEqual(['buildfleet', 'ssh']);
    expect(filesIn('etc/buildfleet')).toEqual([]);
  });

  test('leaves a seed to cloud-init whose instance it cannot tell', () => {
    writeFileSync(join(seed, 'user-data'), renderUserData({ environment: ENVIRONMENT, keys: KEYS }));
    writeFileSync(join(seed, 'meta-data'), 'instance-id: test-1\n');
    expect(execFileSync(SCRIPT, [seed, root], { encoding: 'utf8' })).toContain('its meta-data');
    expect(isApplied()).toBe(false);
  });
});
