import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools, findProgram } from '../../support/tools';

const ASSETS = join(__dirname, '../../../assets/haskell');
const UNITS = ['build-tunnel.service', 'build-agent.service'];
const HUB_UNITS = ['build-hub.socket', 'build-hub.service'];
const HELPER_UNITS = ['build-helper.socket', 'build-helper@.service'];
const CLOCK_UNITS = ['build-clock.socket', 'build-clock@.service'];

jest.setTimeout(60_000);

describeWithTools(['systemd-analyze'], 'units of the guest', () => {
  test.each([...UNITS, ...HUB_UNITS, ...HELPER_UNITS, ...CLOCK_UNITS])(
    '%s is understood without a complaint',
    async (unit) => {
      const { stdout, stderr } = await run('systemd-analyze', ['verify', join(ASSETS, 'files', unit)]);
      expect(`${stdout}${stderr}`).toBe('');
    },
  );

  test.each([...UNITS, 'build-hub.service', 'build-clock@.service'])('%s is exposed to 2.0 at most', async (unit) => {
    const path = join(ASSETS, 'files', unit);
    const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', path]);
    expect(stdout).toMatch(/Overall exposure level .*: [01]\.\d/);
  });

  test('the helper, which is root and runs apt, is exposed to 3.5 at most, and sees nothing of the developers', async () => {
    const path = join(ASSETS, 'files/build-helper@.service');
    const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--threshold=35', path]);
    expect(stdout).toMatch(/Overall exposure level .*: [0-3]\.\d/);
    const unit = readFileSync(path, 'utf8');
    expect(unit).toContain('\nProtectHome=yes\n');
    expect(unit).toContain('\nInaccessiblePaths=-/build -/etc/buildfleet\n');
  });

  test('only root and build may ask the helper', () => {
    const socket = readFileSync(join(ASSETS, 'files/build-helper.socket'), 'utf8');
    expect(socket).toContain('\nSocketUser=root\nSocketGroup=build\nSocketMode=0660\n');
  });

  test('what sets the clock is not root, and may do nothing else', () => {
    const unit = readFileSync(join(ASSETS, 'files/build-clock@.service'), 'utf8');
    expect(unit).toContain('\nUser=build-clock\n');
    expect(unit.match(/^.*Capabilit.*$/gm)).toEqual([
      'CapabilityBoundingSet=CAP_SYS_TIME',
      'AmbientCapabilities=CAP_SYS_TIME',
    ]);
    expect(unit).toContain('\nStandardInput=null\n');
  });

  test('neither account is the other, and only the tunnel is given its key', () => {
    const [tunnel, agent] = UNITS.map((unit) => readFileSync(join(ASSETS, 'files', unit), 'utf8'));
    expect(tunnel).toContain('\nUser=build-tunnel\n');
    expect(agent).toContain('\nUser=build-agent\n');
    expect(tunnel).toContain('\nLoadCredential=tunnel_key:/etc/buildfleet/tunnel_key\n');
    expect(agent).not.toContain('LoadCredential');
    expect(agent).toContain('\nInaccessiblePaths=-/etc/buildfleet\n');
  });
});

describeWithTools(['shellcheck'], 'install-agent.sh', () => {
  test('passes shellcheck', async () => {
    await run('shellcheck', [join(ASSETS, 'scripts/install-agent.sh')]);
  });
});

describeWithTools(['sshd', 'ssh-keygen'], "sshd's settings in the guest", () => {
  let directory: string;
  beforeAll(() => {
    directory = temporaryDirectory();
  });
  test('let only build in, with a key', async () => {
    const key = join(directory, 'host_key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const settings = readFileSync(join(ASSETS, 'files/sshd-buildfleet.conf'), 'utf8');
    const config = join(directory, 'sshd_config');
    // What a distribution's own file says after ours must not count.
    const distribution =
      'PasswordAuthentication yes\nPermitRootLogin yes\nX11Forwarding yes\nKbdInteractiveAuthentication yes\n';
    writeFileSync(config, settings.replace('/etc/ssh/ssh_host_ed25519_key', key) + distribution);
    const { stdout } = await run(findProgram('sshd') ?? '', ['-T', '-f', config]);
    const effective = stdout.split('\n');
    for (const line of [
      'passwordauthentication no',
      'kbdinteractiveauthentication no',
      'permitrootlogin no',
      'x11forwarding no',
      'allowagentforwarding no',
      'permituserrc no',
      'permituserenvironment no',
      'allowusers build',
      'authenticationmethods publickey',
      'authorizedkeysfile /etc/ssh/authorized_keys.d/%u',
      'maxstartups 100:30:300',
      `hostkey ${key}`,
    ]) {
      expect(effective).toContain(line);
    }
    expect(effective.filter((line) => line.startsWith('hostkey '))).toHaveLength(1);
    expect(effective.filter((line) => line.startsWith('acceptenv'))).toEqual([]);
  });
});
