import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'yaml';
import { run } from '../../../src/process/run';
import { renderFleetFile } from '../../../src/rendering/fleet-file';
import { renderMakefile } from '../../../src/rendering/makefile';
import { withHome, withoutHome } from '../../../src/rendering/ssh-config';
import { renderSmokeScript } from '../../../src/rendering/smoke-script';
import { renderStateHubRefs } from '../../../src/rendering/state-hub-refs';
import { renderTunnelCatalogEntry } from '../../../src/rendering/tunnel-catalog';
import { describeWithTools } from '../../support/tools';
import { temporaryDirectory } from '../../support/temporary-directory';

test('a tunnel is described with the fields of the catalog', () => {
  const tunnel = { vmName: 'haskell-build-alpha', tunnelPort: 12221, sshConfig: '~/state/ssh-config' };
  expect(parse(renderTunnelCatalogEntry(tunnel))).toEqual({
    name: 'haskell-build-alpha',
    direction: 'reverse',
    remote_port: 12221,
    local_port: 22,
    target_host: 'localhost',
    check_cmd: 'ssh -F ~/state/ssh-config -o BatchMode=yes -o ConnectTimeout=5 haskell-build-alpha true',
    auto_restart: false,
  });
});

describeWithTools(['bash'], 'the check command of a tunnel', () => {
  test.each(["/state of fleet/it's/ssh-config", '/a/$(x)/ssh-config', '~/a b/ssh-config'])(
    'names %s as one word',
    async (sshConfig) => {
      const entry = parse(renderTunnelCatalogEntry({ vmName: 'v', tunnelPort: 12221, sshConfig })) as {
        check_cmd: string;
      };
      const { stdout } = await run('bash', ['-c', `ssh() { printf '%s\\n' "$@"; }; ${entry.check_cmd}`], {
        env: { HOME: '/home/x' },
      });
      expect(stdout.split('\n')[1]).toBe(sshConfig.replace(/^~/, '/home/x'));
    },
  );
});

describeWithTools(['bash'], 'the check command of a deployed tunnel', () => {
  test('names the configuration in a home directory of any name', async () => {
    const names = fc
      .array(fc.constantFrom(...Array.from(' \'"\\\\#$%*?[](){};&|<>!~=,:ä-ab')), { minLength: 1, maxLength: 8 })
      .map((characters) => `/home/${characters.join('')}`);
    await fc.assert(
      fc.asyncProperty(names, async (home) => {
        const sshConfig = '~/.local/state/buildfleet/fleet/ssh-config';
        const text = withHome(renderTunnelCatalogEntry({ vmName: 'v', tunnelPort: 12221, sshConfig }), home);
        const { check_cmd } = parse(text) as { check_cmd: string };
        const { stdout } = await run('bash', ['-c', `ssh() { printf '%s\\n' "$@"; }; ${check_cmd}`]);
        expect(stdout.split('\n')[1]).toBe(sshConfig.replace('~', () => home));
        expect(withoutHome(text, home)).toContain(` ${sshConfig} `);
      }),
      { numRuns: 40, examples: [['/home/a b'], ['/home/a: b #c'], ["/home/O'Brien"]] },
    );
  });
});

test('ids of the hub stay text, also those that look like numbers', () => {
  for (const id of ['12', '0x1f', 'true', 'null', 'a: b', '5e3']) {
    const capability = { domain: 'railiance', capabilityType: 'haskell-build-agent', title: 'Haskell Build Agent', id };
    const refs = parse(renderStateHubRefs({ url: 'http://127.0.0.1:8000', capabilities: [capability] })) as {
      capabilities: { id: unknown }[];
    };
    expect(refs.capabilities[0]!.id).toBe(id);
  }
});

test('a fleet file that clients could not read is not written', () => {
  expect(() => renderFleetFile({ formatVersion: 1 } as Parameters<typeof renderFleetFile>[0])).toThrow();
});

describeWithTools(['make', 'bash', 'shellcheck'], 'Makefile and smoke script', () => {
  /** A stack's output inside a project, with a CLI that only prints how it was called. */
  function project(): { readonly output: string; readonly cli: string } {
    const root = join(temporaryDirectory(), 'a project');
    const output = join(root, 'cdktf.out/stacks/fleet');
    mkdirSync(output, { recursive: true });
    writeFileSync(join(output, 'Makefile'), renderMakefile());
    writeFileSync(join(output, 'smoke-test.sh'), renderSmokeScript());
    const cli = fakeCli(join(root, 'bin'), 'project');
    return { output, cli };
  }

  function fakeCli(directory: string, name: string): string {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, 'buildfleet');
    writeFileSync(path, `#!/bin/bash\nprintf '%s\\n' ${name} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  const smoke = async (
    output: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<string[]> => {
    const { stdout } = await run('bash', [join(output, 'smoke-test.sh'), ...args], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', BUILDFLEET: '', BUILDFLEET_FLEET: '/another/fleet.json', ...env },
    });
    return stdout.trimEnd().split('\n');
  };

  test.each([
    ['sync', [], "buildfleet sync  '.'"],
    ['remote-build', ['VM=beta', "PROJECT=it's here"], "buildfleet build --vm 'beta' 'it'\\''s here'"],
    ['remote-test', ['PROJECT=../app'], "buildfleet test  '../app'"],
    ['remote-ghci', ['VM=beta'], "buildfleet repl --vm 'beta' '.'"],
    ['fetch-artifacts', [], "buildfleet fetch --all  '.'"],
    ['bridge-status', [], 'buildfleet status'],
    ['vm-info', ['VM=beta'], "buildfleet info 'beta'"],
    ['ssh', [], "buildfleet ssh 'haskell-build'"],
    ['smoke', ['BUILDFLEET=/opt/bf'], "/opt/bf smoke 'haskell-build'"],
    ['ports', [], 'buildfleet ports list'],
    ['install-ssh-config', [], 'buildfleet install-ssh-config'],
  ])('make -n %s', async (target, variables, expected) => {
    const { output } = project();
    const { stdout } = await run('make', ['--warn-undefined-variables', '-n', '-C', output, target, ...variables], {
      env: { BUILDFLEET_FLEET: '' },
    });
    expect(stdout).toContain(expected);
    expect(stdout).not.toContain('$$');
  });

  test('make help lists every target', async () => {
    const { stdout } = await run('make', ['-s', '-C', project().output]);
    const targets = renderMakefile().match(/^[a-z-]+(?=:.*##)/gm);
    expect(targets).toHaveLength(12);
    expect(stdout.match(/^[a-z-]+/gm)).toEqual(targets);
  });

  test('what stands in PROJECT and VM reaches the CLI as it is, from any directory', async () => {
    const { output, cli } = project();
    const here = temporaryDirectory();
    const { stdout } = await run(
      'make',
      ['-s', '-f', join(output, 'Makefile'), 'remote-build', `BUILDFLEET='${cli}'`, "PROJECT=a 'b' `c`", 'VM=d e'],
      { cwd: here },
    );
    expect(stdout.trimEnd().split('\n')).toEqual(['project', 'build', '--vm', 'd e', "a 'b' `c`"]);
  });

  test.each(['PROJECT', 'VM', 'BUILDFLEET'])('a function of make in %s is not run', async (variable) => {
    const { output } = project();
    const mark = join(temporaryDirectory(), 'executed');
    const value = `$(shell touch ${mark})`;
    await run('make', ['-s', '-C', output, 'sync', 'BUILDFLEET=true', `${variable}=${value}`], {
      acceptExitCodes: [0, 2],
    });
    await run('make', ['-s', '-C', output, 'sync'], {
      env: { BUILDFLEET: 'true', [variable]: value },
      acceptExitCodes: [0, 2],
    });
    expect(existsSync(mark)).toBe(false);
  });

  test('a second line in PROJECT is no second command', async () => {
    const { output } = project();
    const mark = join(temporaryDirectory(), 'executed');
    const made = run('make', ['-s', '-i', '-C', output, 'sync', 'BUILDFLEET=true', `PROJECT=a\ntouch ${mark}\n`]);
    await expect(made).rejects.toThrow('PROJECT and VM must be one line each');
    expect(existsSync(mark)).toBe(false);
  });

  test('make tells the CLI which fleet it stands beside', async () => {
    const { output } = project();
    const cli = join(temporaryDirectory(), 'cli');
    writeFileSync(cli, '#!/bin/bash\nprintf "%s\\n" "$BUILDFLEET_FLEET"\n');
    chmodSync(cli, 0o755);
    const { stdout } = await run('make', ['-s', '-C', output, 'ports', `BUILDFLEET=${cli}`], {
      env: { BUILDFLEET_FLEET: '/another/fleet.json' },
    });
    expect(stdout.trim().endsWith('/fleet.json')).toBe(true);
    expect(stdout).not.toContain('/another/');
  });

  test('make works in any directory, with a CLI in any, from anywhere', async () => {
    const names = fc
      .array(fc.constantFrom(...Array.from(' \'"\\\\#$%*?[](){};&|<>!~=,:ab')), { minLength: 1, maxLength: 8 })
      .map((characters) => `a${characters.join('')}`);
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const directory = join(temporaryDirectory(), name);
        mkdirSync(directory);
        const file = join(directory, 'Makefile');
        writeFileSync(file, renderMakefile());
        const cli = join(directory, 'the cli');
        writeFileSync(cli, '#!/bin/bash\nprintf "%s\\n" "$BUILDFLEET_FLEET" "$@"\n', { mode: 0o755 });
        const ways = [
          { args: ['-f', file], cwd: '/' },
          { args: [], cwd: directory },
          { args: ['-f', `./${name}/Makefile`], cwd: join(directory, '..') },
        ];
        for (const { args, cwd } of ways) {
          const options = { cwd, env: { BUILDFLEET: cli, CDPATH: '/tmp' } };
          const { stdout } = await run('make', ['-s', '--warn-undefined-variables', ...args, 'ports'], options);
          expect(stdout).toBe(`${join(directory, 'fleet.json')}\nports\nlist\n`);
          expect((await run('make', ['-s', ...args], options)).stdout.trimEnd().split('\n')).toHaveLength(12);
        }
      }),
      { numRuns: 10, examples: [['a b'], ["it's"], ['a#b c'], ['$(x) $y']] },
    );
  });

  test('make finds the fleet also where another makefile includes its own', async () => {
    const { output, cli } = project();
    const directory = temporaryDirectory();
    symlinkSync(output, join(directory, 'fleet'));
    writeFileSync(join(directory, 'all.mk'), `include ${directory}/fleet/Makefile\n`);
    const args = ['-s', '-f', join(directory, 'all.mk'), 'ports', `BUILDFLEET=${cli}`];
    writeFileSync(cli, '#!/bin/bash\necho "$BUILDFLEET_FLEET"\n', { mode: 0o755 });
    expect((await run('make', args)).stdout).toBe(`${directory}/fleet/fleet.json\n`);
  });

  test('the script is what bash and shellcheck accept', async () => {
    const { output } = project();
    await run('bash', ['-n', join(output, 'smoke-test.sh')]);
    await run('shellcheck', [join(output, 'smoke-test.sh')]);
  });

  test("the script finds the project's own CLI and the fleet beside itself, not another one", async () => {
    const { output } = project();
    expect(await smoke(output, ['alpha'])).toEqual([
      'project',
      'smoke',
      'alpha',
      '--fleet',
      join(output, 'fleet.json'),
    ]);
  });

  test('BUILDFLEET and the path come before it', async () => {
    const { output } = project();
    const onPath = join(temporaryDirectory(), 'bin');
    fakeCli(onPath, 'on-path');
    const PATH = [onPath, '/usr/bin', '/bin'].join(delimiter);
    expect((await smoke(output, ['alpha'], { PATH }))[0]).toBe('on-path');
    const named = fakeCli(join(temporaryDirectory(), 'bin'), 'named');
    expect((await smoke(output, ['alpha'], { PATH, BUILDFLEET: named }))[0]).toBe('named');
  });

  test('the exit code of the CLI is that of the script, and without a VM nothing runs', async () => {
    const { output } = project();
    const failing = join(temporaryDirectory(), 'failing');
    writeFileSync(failing, '#!/bin/bash\nexit 42\n');
    chmodSync(failing, 0o755);
    await expect(smoke(output, ['alpha'], { BUILDFLEET: failing })).rejects.toMatchObject({ exitCode: 42 });
    await expect(smoke(output, [])).rejects.toThrow('usage: smoke-test.sh VM');
  });
});
