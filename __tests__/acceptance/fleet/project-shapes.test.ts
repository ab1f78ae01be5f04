import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseLine } from '../../../src/cli/completion/bash-line';
import { buildfleet, type CliResult } from '../../support/buildfleet';
import { FleetProject, type FleetPorts } from '../../support/fleet-project';
import { RunningFleet } from '../../support/running-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { BACKPACK, C_ALEX_AND_DATA, FOREIGN_LIBRARY, HPACK_ONLY, SEVERAL_PACKAGES, type Shape } from './support/shapes';

const LIMIT = 10 * 60_000;
const PORTS: FleetPorts = { sshd: 13880, hub: 13860, first: 13881, last: 13890 };

/** Two processors, because two projects are worked on at a time. */
const MAIN = `import { BuildVm } from './constructs/build-vm';
import { HaskellBuildImage } from './constructs/haskell-build-image';
import { VmHost } from './constructs/vm-host';
import { Workstation } from './constructs/workstation';
import { Size } from './src/model/size';
import { FleetApp } from './stacks/fleet-app';
import { FleetStack } from './stacks/fleet-stack';

const app = new FleetApp(__dirname);
const fleet = new FleetStack(app, 'fleet');
const ports = { sshdPort: ${PORTS.sshd}, hubPort: ${PORTS.hub}, tunnelPorts: { first: ${PORTS.first}, last: ${PORTS.last} } };
const workstation = Workstation.embedded(fleet, 'workstation', ports);
const host = VmHost.local(fleet, 'local', { capacity: { cpus: 2, memory: Size.gibibytes(2) } });
const image = HaskellBuildImage.debian(fleet, 'haskell');
new BuildVm(fleet, 'alpha', { workstation, host, image, cpus: 2, memory: Size.mebibytes(2048) });

app.synth();
`;

/** Loads a foreign library, as a program in another language does, and prints what its function says. */
const PYTHON = `import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.hs_init(None, None)
library.shout.restype = ctypes.c_char_p
print(library.shout().decode())
`;

describeWithTools(
  ['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'sshd', 'rsync', 'setpriv'],
  'projects of every shape on a real machine',
  () => {
    const project = new FleetProject(PORTS);
    const directory = temporaryDirectory();
    const roots = new Map<Shape, string>();

    beforeAll(async () => {
      writeFileSync(join(project.directory, 'main.ts'), MAIN);
      await project.cdktf('deploy');
      await new RunningFleet(project).untilUsable('alpha', 180);
    }, LIMIT);

    afterAll(async () => {
      await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
      project.remove();
    }, 180_000);

    /** Directory of a shape's files. */
    function rootOf(shape: Shape): string {
      const known = roots.get(shape);
      if (known !== undefined) return known;
      const root = join(directory, `shape${roots.size}`);
      roots.set(shape, root);
      for (const [path, text] of Object.entries(shape.files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      return root;
    }

    const cli = (root: string, ...args: string[]) => buildfleet(args, { cwd: root, env: project.environment() });

    async function succeed(root: string, ...args: string[]): Promise<string> {
      const result = await cli(root, ...args);
      // With what it has said, where it failed.
      if (result.exitCode !== 0) expect({ args, ...textOf(result) }).toEqual({ exitCode: 0 });
      return result.stdout.toString();
    }

    const textOf = ({ exitCode, stdout, stderr }: CliResult) => ({ exitCode, stdout: stdout.toString(), stderr });

    function edit({ edit: { file, from, to } }: Shape, root: string): void {
      const text = readFileSync(join(root, file), 'utf8');
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
      writeFileSync(join(root, file), text.replace(from, to));
    }

    const PASSED = '1 of 1 test suites (1 of 1 test cases) passed';

    /**
     * Builds, tests, runs, edits in one place, builds again, runs and fetches.
     *
     * @param program runs what was built, and gives its output
     */
    async function day(shape: Shape, program: (root: string) => Promise<string>): Promise<void> {
      const root = rootOf(shape);
      expect(await succeed(root, 'build')).toMatch(/Compiling/);
      expect(await succeed(root, 'test')).toContain(PASSED);
      expect(await program(root)).toContain(shape.says[0]);
      edit(shape, root);
      await succeed(root, 'build');
      expect(await program(root)).toContain(shape.says[1]);
      expect(await succeed(root, 'build')).toContain('Up to date');
      if (shape.executable === undefined) return;
      // The image is of a newer release than some workstations: whether it runs here is for others to tell.
      const fetched = await succeed(root, 'fetch');
      expect(fetched.split('\n')).toContain(`result/bin/${shape.executable}`);
      const file = readFileSync(join(root, 'result/bin', shape.executable));
      expect(file.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
      expect(file.includes('from the ')).toBe(true);
    }

    const cabalRun =
      (...target: string[]) =>
      (root: string) =>
        succeed(root, 'run', ...target);

    test(
      'a package for hpack, and one with C, alex, data and golden files: what the machine lacks is said with its remedy',
      async () => {
        const root = rootOf(HPACK_ONLY);
        const refused = textOf(await cli(root, 'build'));
        expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
        const [, remedy = ''] =
          /hpack is not installed on \S+: `buildfleet (.*)` installs it$/m.exec(refused.stderr) ?? [];
        await succeed(root, ...parseLine(remedy).words, 'alex');
        await Promise.all([day(HPACK_ONLY, cabalRun('exe:hello')), golden()]);
      },
      LIMIT,
    );

    async function golden(): Promise<void> {
      await day(C_ALEX_AND_DATA, cabalRun());
      const root = rootOf(C_ALEX_AND_DATA);
      const file = join(root, 'test/golden/words.txt');
      writeFileSync(file, 'one\ntwo\n43\n');
      const failed = textOf(await cli(root, 'test'));
      expect(failed.exitCode).toBe(1);
      expect(failed.stdout + failed.stderr).toContain('not so');
      writeFileSync(file, 'one\ntwo\n42\n');
      expect(await succeed(root, 'test')).toContain(PASSED);
    }

    /** Here `fetch` brings the library as soon as it knows foreign ones. */
    const foreignLibrary = () =>
      day(FOREIGN_LIBRARY, (root) =>
        succeed(
          root,
          'exec',
          '--project',
          '--',
          'sh',
          '-c',
          'python3 -c "$1" "$(cabal list-bin flib:shout)"',
          '-',
          PYTHON,
        ),
      );

    async function severalPackages(): Promise<void> {
      await day(SEVERAL_PACKAGES, cabalRun('greet'));
      const root = rootOf(SEVERAL_PACKAGES);
      expect(await succeed(root, 'build', 'core')).toContain('Up to date');
      expect(await succeed(join(root, 'app'), 'build', '../core', 'exe:greet')).toContain('Up to date');
    }

    test(
      'several packages with one cabal.project, Backpack, and a foreign library',
      async () => {
        await Promise.all([severalPackages(), day(BACKPACK, cabalRun('exe:voices')), foreignLibrary()]);
      },
      LIMIT,
    );
  },
);
