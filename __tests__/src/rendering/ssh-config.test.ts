import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { run } from '../../../src/process/run';
import { renderKnownHosts } from '../../../src/rendering/known-hosts';
import {
  type SshConfigParts,
  renderSshConfig,
  renderSshInclude,
  unspeakableInSshPath,
  withHome,
  withoutHome,
} from '../../../src/rendering/ssh-config';
import { describeWithTools } from '../../support/tools';
import { temporaryDirectory } from '../../support/temporary-directory';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL4TPoe3rFKQnbdhMpmeDf2Z57Y0wKKSmWxwTQ0ZEqYa';

const parts = (directory: string): SshConfigParts => ({
  vms: [
    { aliases: ['haskell-build-alpha', 'alpha', 'haskell-build'], tunnelPort: 12221 },
    { aliases: ['haskell-build-beta', 'beta'], tunnelPort: 12222 },
  ],
  identityFile: `${directory}/id_build`,
  knownHostsFile: `${directory}/known_hosts`,
});

/** What OpenSSH makes of a configuration file, keyword by keyword. */
async function ssh(configFile: string, host: string): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await run('ssh', ['-G', '-F', configFile, host]);
  return new Map(stdout.split('\n').map((line) => [line.split(' ')[0]!, line.slice(line.indexOf(' ') + 1)]));
}

function writeConfig(directory: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'ssh-config');
  writeFileSync(path, renderSshConfig(parts(directory)));
  return path;
}

/** Each would take a VM's name elsewhere, or keep a login from working or from being what it seems. */
const HOSTILE = {
  ...{ HostName: 'elsewhere.example', Port: 2222, User: 'somebody', HostKeyAlias: 'other', AddressFamily: 'inet6' },
  ...{ ControlMaster: 'auto', ControlPath: '/tmp/coarse-%r', ProxyJump: 'bastion', CanonicalizeHostname: 'always' },
  ...{ BindAddress: '192.0.2.1', IdentitiesOnly: 'no', IdentityFile: '/other', PubkeyAuthentication: 'no' },
  ...{
    PreferredAuthentications: 'password',
    HostKeyAlgorithms: 'rsa-sha2-512',
    PubkeyAcceptedAlgorithms: 'rsa-sha2-512',
  },
  ...{ StrictHostKeyChecking: 'no', UserKnownHostsFile: '/dev/null', GlobalKnownHostsFile: '/etc/other' },
  ...{ NoHostAuthenticationForLocalhost: 'yes', VerifyHostKeyDNS: 'yes', KnownHostsCommand: '/bin/false' },
  ...{ UpdateHostKeys: 'yes', CheckHostIP: 'yes', RequestTTY: 'force', RemoteCommand: 'tmux', SessionType: 'none' },
  ...{ StdinNull: 'yes', ForkAfterAuthentication: 'yes', PermitLocalCommand: 'yes', ExitOnForwardFailure: 'yes' },
  ...{ LocalForward: '8000 localhost:8000', Tunnel: 'yes', ForwardAgent: 'yes', ForwardX11: 'yes' },
  ...{ ServerAliveInterval: 1, ServerAliveCountMax: 1, Ciphers: 'aes256-ctr' },
  KexAlgorithms: 'ecdh-sha2-nistp521',
};

/** A name of a directory. */
const oddName = fc
  .array(fc.constantFrom(...Array.from(' \'"\\%#$*?[]{}()~!&;|<>=:,ä-ab')), { minLength: 1, maxLength: 12 })
  .map((characters) => characters.join(''))
  .filter((name) => !['.', '..'].includes(name) && !name.includes('${'));

/** As ssh prints text: what is not ASCII in octal, and backslashes doubled. */
function visible(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replace(/[\u0080-\uffff]/g, (one) => Array.from(Buffer.from(one), (byte) => `\\${byte.toString(8)}`).join(''));
}

describeWithTools(['ssh', 'ssh-keygen'], 'client configuration as OpenSSH reads it', () => {
  test.each([
    ['haskell-build-alpha', '12221', 'haskell-build-alpha'],
    ['alpha', '12221', 'haskell-build-alpha'],
    ['haskell-build', '12221', 'haskell-build-alpha'],
    ['beta', '12222', 'haskell-build-beta'],
  ])('%s', async (host, port, alias) => {
    const directory = temporaryDirectory();
    const config = await ssh(writeConfig(directory), host);
    expect(Object.fromEntries(config)).toMatchObject({
      hostname: '127.0.0.1',
      port,
      user: 'build',
      identityfile: `${directory}/id_build`,
      identitiesonly: 'yes',
      hostkeyalias: alias,
      userknownhostsfile: `${directory}/known_hosts`,
      stricthostkeychecking: 'true',
      updatehostkeys: 'false',
      forwardagent: 'no',
      forwardx11: 'no',
    });
  });

  test('the key exchange that an emulated VM is quick at comes first, and the others stay', async () => {
    const [first = '', ...others] =
      (await ssh(writeConfig(temporaryDirectory()), 'alpha')).get('kexalgorithms')?.split(',') ?? [];
    expect(first).toBe('curve25519-sha256');
    expect(others.join()).toMatch(/sntrup761|mlkem768/);
  });

  test('another host is left alone', async () => {
    const config = await ssh(writeConfig(temporaryDirectory()), 'example.org');
    expect(config.get('hostname')).toBe('example.org');
    expect(config.has('hostkeyalias')).toBe(false);
  });

  test("included at the top it wins over the operator's `Host *`, also from a directory with a space", async () => {
    const directory = join(temporaryDirectory(), 'state of fleet');
    const included = writeConfig(directory);
    const own = join(directory, 'config');
    writeFileSync(own, `${renderSshInclude(included)}\nHost *\n  User somebody\n  ForwardAgent yes\n  Port 2222\n`);
    expect(Object.fromEntries(await ssh(own, 'alpha'))).toMatchObject({
      user: 'build',
      port: '12221',
      forwardagent: 'no',
    });
    expect((await ssh(own, 'example.org')).get('user')).toBe('somebody');
  });

  test('none of the settings of a hostile `Host *` or `Match all` decides how a VM is reached', async () => {
    const directory = temporaryDirectory();
    const own = join(directory, 'config');
    const include = renderSshInclude(writeConfig(directory));
    writeFileSync(own, include);
    const alone = await ssh(own, 'beta');
    const hostile = Object.entries(HOSTILE).map(([keyword, value]) => `  ${keyword} ${value}\n`);
    for (const block of ['Host *', 'Match all', 'Host beta', 'Match originalhost beta']) {
      writeFileSync(own, `${include}\n${block}\n${hostile.join('')}`);
      const mixed = await ssh(own, 'beta');
      const changed = [...mixed].filter(([key, value]) => alone.get(key) !== value).map(([key]) => key);
      // forwardings and identities are added to, and ours come first
      expect(changed.filter((key) => !['identityfile', 'localforward', 'ciphers'].includes(key))).toEqual([]);
      expect(mixed.get('controlpath') ?? 'none').toBe('none');
      expect(mixed.get('proxyjump') ?? mixed.get('proxycommand') ?? 'none').toBe('none');
    }
  });

  test('paths with odd and hostile characters reach ssh as they are', async () => {
    const seen: string[] = [];
    await fc.assert(
      fc.asyncProperty(oddName, async (name) => {
        const home = join(temporaryDirectory(), name);
        mkdirSync(home, { recursive: true });
        const places = [
          // paths that main.ts gives, and such as the provider completes
          { directory: home, insert: (text: string) => text },
          { directory: '~', insert: (text: string) => withHome(text, home) },
          { directory: '~/a b', insert: (text: string) => withHome(text, home) },
        ];
        mkdirSync(join(home, 'a b'));
        for (const { directory, insert } of places) {
          const real = directory.replace(/^~/, () => home);
          const own = join(temporaryDirectory(), 'config');
          writeFileSync(own, insert(renderSshInclude(`${directory}/ssh-config`)));
          writeFileSync(join(real, 'ssh-config'), insert(renderSshConfig(parts(directory))));
          // a proxy that ends at once: keys are looked for, and no host is asked
          const proxied = ['-v', '-F', own, '-o', 'ProxyCommand=true', 'alpha'];
          const { stderr } = await run('ssh', proxied, { acceptExitCodes: [255] });
          expect(stderr.replaceAll('\r', '')).toContain(`identity file ${visible(real)}/id_build type`);
          expect((await ssh(own, 'alpha')).get('port')).toBe('12221');
          const shown = renderSshConfig(parts(directory));
          if (directory !== home) expect(withoutHome(insert(shown), home)).toBe(shown);
        }
        seen.push(name);
      }),
      {
        numRuns: 15,
        examples: [['a b'], ['100%'], ["O'Brien"], ['"q" \\ back'], ['#x [1] *?'], ['%d %h'], ['\\'], ['dollar $HOME']],
      },
    );
    expect(seen).not.toEqual([]);
  });

  test.each(['/home/${USER}', '/home/a\nb'])('%j is what ssh cannot be told', (path) => {
    expect(unspeakableInSshPath(path)).not.toBeNull();
  });

  test('a host key is found by its alias', async () => {
    const file = join(temporaryDirectory(), 'known_hosts');
    writeFileSync(file, renderKnownHosts([{ alias: 'haskell-build-alpha', publicKey: KEY }]));
    const { stdout } = await run('ssh-keygen', ['-F', 'haskell-build-alpha', '-f', file]);
    expect(stdout).toContain(KEY);
  });
});

test('a Host block for each VM', () => {
  const vm = fc.record({
    id: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    tunnelPort: fc.integer({ min: 1024, max: 65535 }),
  });
  fc.assert(
    fc.property(fc.array(vm), (vms) => {
      const text = renderSshConfig({
        vms: vms.map(({ id, tunnelPort }) => ({ aliases: [`haskell-build-${id}`, id], tunnelPort })),
        identityFile: '~/.ssh/id_build',
        knownHostsFile: '~/known_hosts',
      });
      const blocks = text.split('\nHost ').slice(1);
      expect(blocks.map((block) => block.split('\n')[0])).toEqual(vms.map(({ id }) => `haskell-build-${id} ${id}`));
      blocks.forEach((block, index) => {
        expect(block).toContain(`  Port ${vms[index]!.tunnelPort}\n`);
      });
    }),
  );
});
