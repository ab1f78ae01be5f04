import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FleetError } from '../../../src/model/errors';
import { type GuestEnvironment, renderGuestEnvironment } from '../../../src/rendering/guest-environment';
import {
  INSTANCE_ID_PLACEHOLDER,
  renderMetaData,
  renderUserData,
  SEED_PLACEHOLDERS,
  type SeedInput,
  seedInstanceId,
} from '../../../src/rendering/seed';
import { readYaml } from '../../support/python-yaml';

const ENVIRONMENT: GuestEnvironment = {
  hostName: 'haskell-build-alpha',
  hub: { port: 8000, domain: 'railiance' },
  relay: { host: '10.0.2.2', port: 12220, user: 'buildfleet-tunnel' },
  tunnelPort: 12221,
  heartbeatSeconds: 30,
};
const pem = (body: string) => `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
const INPUT: SeedInput = {
  environment: ENVIRONMENT,
  keys: {
    hostPrivateKey: pem('SECRETHOST'),
    hostPublicKey: 'ssh-ed25519 AAAAHOST',
    tunnelPrivateKey: pem('SECRETTUNNEL'),
    relayHostKeys: ['ssh-ed25519 AAAARELAY'],
    developerKeys: ['ssh-ed25519 AAAAONE dev: one # no', 'ecdsa-sha2-nistp256 AAAATWO'],
  },
};

interface Seed {
  readonly hostname: string;
  readonly ssh_keys: { readonly ed25519_private: string; readonly ed25519_public: string };
  readonly write_files: { path: string; owner: string; permissions: string; content: string }[];
}

function fileIn(seed: Seed | undefined, path: string): string | undefined {
  return seed?.write_files.find((file) => file.path === path)?.content;
}

describe('renderUserData', () => {
  test('writes the whole seed', () => {
    expect(renderUserData(INPUT)).toMatchSnapshot();
  });

  test('shows a seed without keys, with every other value in its place', () => {
    const shown = renderUserData({ environment: ENVIRONMENT, keys: SEED_PLACEHOLDERS });
    expect(shown).toMatchSnapshot();
    expect(shown).not.toContain('BEGIN');
  });

  test('refuses placeholders where a key is due', () => {
    const keys = { ...INPUT.keys, tunnelPrivateKey: SEED_PLACEHOLDERS.tunnelPrivateKey };
    expect(() => renderUserData({ ...INPUT, keys })).toThrow(/tunnelPrivateKey cannot be used/);
  });

  const base64 = fc.stringMatching(/^[A-Za-z0-9+/]{1,60}={0,2}$/);
  const comment = fc
    .oneof(
      fc.stringMatching(/^[ -~]{0,40}$/),
      fc.stringMatching(/^[\u00a0-\ud7ff\ue000-\ufdcf\u{10000}-\u{1f9ff}]{1,9}$/u),
    )
    .filter((text) => !text.includes('..'));
  const key = fc.tuple(base64, comment).map(([body, text]) => `ssh-ed25519 ${body} ${text}`);
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/);
  // What YAML 1.1 takes for booleans, numbers, times and nulls, where such a text may stand.
  const word = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9]{1,20}$/),
    fc.constantFrom('no', 'on', '0o14', '1e3', 'null', 'y', '0x1f'),
  );
  const port = fc.integer({ min: 1, max: 65535 });
  const input: fc.Arbitrary<SeedInput> = fc.record({
    environment: fc.record({
      hostName: fc.oneof(name, fc.constantFrom('no', 'on', 'null', 'y')),
      hub: fc.record({ port, domain: word }),
      relay: fc.record({
        host: fc.oneof(
          word,
          fc.ipV4(),
          fc.ipV6().filter((address) => /^\w.*\w$/.test(address)),
          fc.constant('12:34:56'),
        ),
        port,
        user: name,
      }),
      tunnelPort: port,
      heartbeatSeconds: fc.integer({ min: 1, max: 86400 }),
    }),
    keys: fc.record({
      hostPrivateKey: base64.map(pem),
      hostPublicKey: key,
      tunnelPrivateKey: base64.map(pem),
      relayHostKeys: fc.array(key, { minLength: 1, maxLength: 3 }),
      developerKeys: fc.array(key, { minLength: 1, maxLength: 3 }),
    }),
  });

  test('a reader of YAML 1.1 gets back what went in', () => {
    const inputs = fc.sample(input, 300);
    const seeds = readYaml<Seed>(...inputs.map(renderUserData));
    inputs.forEach(({ environment, keys }, index) => {
      const seed = seeds[index];
      expect(seed?.hostname).toBe(environment.hostName);
      expect(seed?.ssh_keys).toEqual({ ed25519_private: keys.hostPrivateKey, ed25519_public: keys.hostPublicKey });
      expect(fileIn(seed, '/etc/build-agent.env')).toBe(renderGuestEnvironment(environment));
      expect(fileIn(seed, '/etc/buildfleet/tunnel_key')).toBe(keys.tunnelPrivateKey);
      expect(fileIn(seed, '/etc/ssh/authorized_keys.d/build')).toBe(
        keys.developerKeys.map((line) => `${line}\n`).join(''),
      );
      expect(seed?.write_files.map(({ permissions, owner }) => [permissions, owner])).toEqual([
        ['0600', 'root:root'],
        ['0600', 'root:root'],
        ['0644', 'root:root'],
        ['0644', 'root:root'],
      ]);
    });
  });

  test('pins the workstation as OpenSSH looks it up', () => {
    const pinned = (port: number) =>
      fileIn(
        readYaml<Seed>(
          renderUserData({ ...INPUT, environment: { ...ENVIRONMENT, relay: { ...ENVIRONMENT.relay, port } } }),
        )[0],
        '/etc/buildfleet/known_hosts',
      );
    expect(pinned(12220)).toBe('[10.0.2.2]:12220 ssh-ed25519 AAAARELAY\n');
    expect(pinned(22)).toBe('10.0.2.2 ssh-ed25519 AAAARELAY\n');
  });

  const bad: [string, object][] = [
    ['a second line in a developer key', { developerKeys: ['ssh-ed25519 AAAA x\nssh-ed25519 EVIL'] }],
    ['options before a developer key', { developerKeys: ['command="/bin/sh" ssh-ed25519 AAAA'] }],
    ['a way out of a directory', { developerKeys: ['ssh-ed25519 AAAA ../../etc'] }],
    ['half a character in a comment', { developerKeys: ['ssh-ed25519 AAAA \ud83d'] }],
    ['no developer at all', { developerKeys: [] }],
    ['a carriage return in a host key', { relayHostKeys: ['ssh-ed25519 AAAA\r'] }],
    ['no pinned workstation', { relayHostKeys: [] }],
    ['a host key of another kind', { hostPublicKey: 'ssh-rsa AAAA' }],
    ['a private key that is none', { hostPrivateKey: 'SECRET\n' }],
    ['text behind a private key', { tunnelPrivateKey: `${pem('SECRET')}SECRET: x\n` }],
  ];
  test.each(bad)('refuses %s without quoting a secret', (_, keys) => {
    const render = () => renderUserData({ ...INPUT, keys: { ...INPUT.keys, ...keys } });
    expect(render).toThrow(FleetError);
    expect(render).toThrow(/^haskell-build-alpha: the seed's \w+/);
    expect(render).not.toThrow(/SECRET/);
  });
});

describe('renderGuestEnvironment', () => {
  test('has the names of the template in the image, in the same order', () => {
    const template = readFileSync(join(__dirname, '../../../assets/haskell/files/build-agent.env.template'), 'utf8');
    const names = (text: string) => [...text.matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]);
    expect(names(renderGuestEnvironment(ENVIRONMENT))).toEqual(names(template));
  });

  test('writes an empty relay host, which means no tunnel', () => {
    expect(renderGuestEnvironment({ ...ENVIRONMENT, relay: { ...ENVIRONMENT.relay, host: '' } })).toContain(
      '\nSSH_RELAY_HOST=""\n',
    );
  });

  const bad: [string, Partial<GuestEnvironment>][] = [
    ['relay.host', { relay: { ...ENVIRONMENT.relay, host: '10.0.2.2"\nEVIL="1' } }],
    ['relay.host', { relay: { ...ENVIRONMENT.relay, host: '-oProxyCommand=x' } }],
    ['relay.host', { relay: { ...ENVIRONMENT.relay, host: '../x' } }],
    ['relay.user', { relay: { ...ENVIRONMENT.relay, user: 'a b' } }],
    ['relay.port', { relay: { ...ENVIRONMENT.relay, port: 0 } }],
    ['hub.domain', { hub: { port: 8000, domain: 'a$HOME' } }],
    ['hub.domain', { hub: { port: 8000, domain: '../x' } }],
    ['hostName', { hostName: 'Alpha' }],
    ['tunnelPort', { tunnelPort: 1.5 }],
    ['heartbeatSeconds', { heartbeatSeconds: Number.NaN }],
  ];
  test.each(bad)('refuses a %s that could be misread: %p', (name, part) => {
    expect(() => renderGuestEnvironment({ ...ENVIRONMENT, ...part })).toThrow(
      new RegExp(`setting ${name} cannot be written`),
    );
  });
});

describe('renderMetaData', () => {
  test('names the instance and the host', () => {
    const instanceId = seedInstanceId('haskell-build-alpha', renderUserData(INPUT));
    expect(readYaml(renderMetaData({ instanceId, hostName: 'haskell-build-alpha' }))).toEqual([
      { 'instance-id': instanceId, 'local-hostname': 'haskell-build-alpha' },
    ]);
    expect(renderMetaData({ instanceId: INSTANCE_ID_PLACEHOLDER, hostName: 'x' })).toContain(INSTANCE_ID_PLACEHOLDER);
  });

  test('refuses an instance-id of several lines', () => {
    expect(() => renderMetaData({ instanceId: 'a\nb: c', hostName: 'x' })).toThrow(FleetError);
  });

  test('the instance-id follows the seed and nothing else', () => {
    const id = (input: SeedInput) => seedInstanceId(input.environment.hostName, renderUserData(input));
    expect(id(INPUT)).toBe(id({ ...INPUT }));
    const others: SeedInput[] = [
      { ...INPUT, keys: { ...INPUT.keys, developerKeys: ['ssh-ed25519 AAAAOTHER'] } },
      { ...INPUT, environment: { ...ENVIRONMENT, relay: { ...ENVIRONMENT.relay, port: 12219 } } },
    ];
    for (const other of others) expect(id(other)).not.toBe(id(INPUT));
    expect(id(INPUT)).toMatch(/^[a-z0-9-]+$/);
  });
});
