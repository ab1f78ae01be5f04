import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { installReportSchema } from '../../../src/cli/install-ssh-config/report';
import { vmInfoSchema } from '../../../src/cli/info/report';
import { run } from '../../../src/process/run';
import { describeWithTools } from '../../support/tools';
import { buildfleet } from '../../support/buildfleet';
import { freePort, StandInMachine, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

describeWithTools(['sshd', 'ssh', 'ssh-keygen'], 'with a real sshd', () => {
  let directory: string;
  let machine: StandInMachine;
  let fleet: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    directory = temporaryDirectory();
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    for (const [name, says] of [
      ['ghc', '9.8.4'],
      ['ghc-9.8.4', '9.8.4'],
      ['ghc-9.6.6', '9.6.6'],
      ['ghc-9.8', '9.8.4'],
      ['cabal', '3.12.1.0'],
    ]) {
      writeFileSync(join(bin, name!), `#!/bin/sh\necho ${says}\n`);
      chmodSync(join(bin, name!), 0o755);
    }
    machine = await StandInMachine.create(join(directory, 'machine'), { PATH: `${bin}:/usr/bin:/bin` });
    fleet = writeStandInFleet(join(directory, 'state'), machine.userKey, `http://127.0.0.1:${await freePort()}`, [
      { id: 'alpha', port: machine.port, hostKey: machine.hostKey },
      { id: 'gone', port: await freePort(), hostKey: machine.hostKey },
    ]);
    mkdirSync(join(directory, 'runtime'), { mode: 0o700 });
    env = { XDG_RUNTIME_DIR: join(directory, 'runtime') };
  });

  afterAll(async () => {
    const sockets = join(directory, 'runtime/buildfleet');
    for (const name of readdirSync(sockets).filter((each) => !each.endsWith('.lock')))
      await run('ssh', ['-S', join(sockets, name), '-O', 'exit', 'any'], { acceptExitCodes: [0, 255] });
    await machine.stop();
  });

  test('info says what the machine says of itself, of the default VM unless told otherwise', async () => {
    const { stdout, stderr, exitCode } = await buildfleet(['info', '--json', '--fleet', fleet], { env });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    const info = vmInfoSchema.parse(JSON.parse(stdout.toString()));
    const kernel = (await run('uname', ['-r'])).stdout.trim();
    expect(info).toMatchObject({
      ...{ id: 'alpha', name: 'haskell-build-alpha', hypervisor: 'qemu', kernel, ports: { tunnel: machine.port } },
      ...{ ghcVersion: '9.8.4', cabalVersion: '3.12.1.0' },
      login: { command: 'ssh alpha', user: userInfo().username, key: machine.userKey },
      image: { id: 'trixie', state: 'unknown', hash: null },
    });
    expect(info.ghcVersions.slice(0, 2)).toEqual(['9.8.4', '9.6.6']);
    for (const number of [info.cores, info.memoryMib, info.memoryFreeMib, info.uptimeSeconds])
      expect(number).toBeGreaterThan(0);
  });

  test('info for people', async () => {
    const { stdout } = await buildfleet(['info', 'haskell-build-alpha', '--fleet', fleet], { env });
    expect(stdout.toString()).toMatch(/^VM {7}haskell-build-alpha\n[^]*\nGHC {6}9\.8\.4, 9\.6\.6.*\n/);
  });

  test('info of a VM that cannot be asked gives the reason that status gives', async () => {
    const { stdout, stderr, exitCode } = await buildfleet(['info', 'gone', '--fleet', fleet], { env });
    expect({ stdout: stdout.toString(), exitCode }).toEqual({ stdout: '', exitCode: 4 });
    expect(stderr).toMatch(/^buildfleet: [^\n]*the VM does not exist[^\n]*cdktf deploy stand-in[^\n]*\n$/);
  });

  test('install-ssh-config has ssh itself find the VMs, above what stood there', async () => {
    const config = join(directory, 'operator/config');
    mkdirSync(join(directory, 'operator'));
    writeFileSync(config, 'Host *\n  User somebody\n');
    const install = () => buildfleet(['install-ssh-config', '--json', '--config', config, '--fleet', fleet]);
    expect(installReportSchema.parse(JSON.parse((await install()).stdout.toString()))).toEqual({
      ...{ formatVersion: 1, file: config, outcome: 'installed' },
    });
    expect(JSON.parse((await install()).stdout.toString())).toMatchObject({ outcome: 'unchanged' });
    const seen = (await run('ssh', ['-F', config, '-G', 'alpha'])).stdout;
    expect(seen).toContain(`\nport ${machine.port}\n`);
    expect(seen).toContain(`user ${userInfo().username}\n`);
    expect((await run('ssh', ['-F', config, 'alpha', 'echo', 'in'])).stdout).toBe('in\n');
    expect(readFileSync(config, 'utf8')).toMatch(/\nHost \*\n {2}User somebody\n$/);
  });
});
