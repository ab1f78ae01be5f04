import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { run } from '../../../src/process/run';
import { renderKnownHosts } from '../../../src/rendering/known-hosts';
import { type SshConfigParts, renderSshConfig, renderSshInclude } from '../../../src/rendering/ssh-config';
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
