import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../src/process/run';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { FleetProject, type FleetPorts } from '../../support/fleet-project';
import { processesMatching, RunningFleet } from '../../support/running-fleet';
import { temporaryDirectory } from '../../support/temporary-directory';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';

const LIMIT = 20 * 60_000;
const PORTS: FleetPorts = { sshd: 13820, hub: 13800, first: 13821, last: 13830 };

/** A fleet of one machine with one processor: what a developer does is the same for more, and other suites run meanwhile. */
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
new BuildVm(fleet, 'alpha', { workstation, host, image, cpus: 1, memory: Size.mebibytes(2048) });

app.synth();
`;

/**
 * One compiler run for each module, no two, and little garbage collection: an emulated machine compiles a few lines a
 * second.
 */
const CABAL_PROJECT = `packages: polyparse cpphs checks
allow-newer: all
optimization: False
shared: False
executable-dynamic: False
tests: True
package *
  ghc-options: +RTS -A64m -RTS
package checks
  executable-static: True
`;

const CHECKS: Readonly<Record<string, string>> = {
  'checks.cabal': `cabal-version: 2.4
name: checks
version: 0.1
build-type: Simple

executable preprocess
  main-is: Preprocess.hs
  build-depends: base, cpphs
  default-language: Haskell2010

test-suite checks
  type: exitcode-stdio-1.0
  main-is: Checks.hs
  build-depends: base, cpphs
  default-language: Haskell2010
`,
  'Preprocess.hs': `import Language.Preprocessor.Cpphs (defaultCpphsOptions, runCpphs)

main :: IO ()
main = getContents >>= runCpphs defaultCpphsOptions "input" >>= putStr
`,
  'Checks.hs': `import Control.Monad (when)
import Language.Preprocessor.Cpphs (defaultCpphsOptions, runCpphs)
import System.Exit (exitFailure)

main :: IO ()
main = do
  text <- runCpphs defaultCpphsOptions "input" "#define ANSWER 42\\nANSWER\\n"
  when (last (lines text) /= "42") exitFailure
  putStrLn "the answer is 42"
`,
};

describeWithTools(
  ['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'sshd', 'rsync', 'apt-get', 'setpriv'],
  'a day of work on a fleet',
  () => {
    const project = new FleetProject(PORTS);
    const fleet = new RunningFleet(project);
    const directory = temporaryDirectory();
    const sources = join(directory, 'preprocessor');
    const module = (name: string) => join(sources, `cpphs/Language/Preprocessor/Cpphs/${name}.hs`);

    beforeAll(async () => {
      writeFileSync(join(project.directory, 'main.ts'), MAIN);
      await Promise.all([project.cdktf('deploy'), makeProject(directory, sources)]);
      await fleet.untilUsable('alpha', 120);
    }, LIMIT);

    afterAll(async () => {
      await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
      project.remove();
    }, 180_000);

    const environment = () => project.environment();
    const cli = (...args: string[]) => buildfleet(args, { cwd: sources, env: environment() });
    const onVm = async (script: string) => (await cli('exec', 'alpha', '--', 'sh', '-c', script)).stdout.toString();
    const compiled = (text: string) =>
      [...text.matchAll(/^\[ *\d+ of \d+\] Compiling (\S+)/gm)].map(([, name]) => name);
    /** Process ids on the machine. */
    const compilers = async () =>
      (await onVm("ls -l /proc/[0-9]*/exe 2>/dev/null | grep -E '/ghc-[0-9.]+$|/cabal$' || true"))
        .split('\n')
        .flatMap((line) => /\/proc\/(\d+)\//.exec(line)?.[1] ?? []);

    /** Gives the module something new to export, so that all that import it are compiled as well. */
    let changes = 0;
    function change(name: string): void {
      const symbol = `changed${++changes}`;
      const text = readFileSync(module(name), 'utf8')
        .replace(/changed\d+, /g, '')
        .replace(/\nchanged\d+ ::.*\nchanged\d+ =.*\n/g, '')
        .replace(/^(module \S+\s*\(\s*)/m, `$1${symbol}, `);
      writeFileSync(module(name), `${text}\n${symbol} :: Int\n${symbol} = ${changes}\n`);
    }

    test(
      'a project of several packages is built, tested and fetched, and runs here',
      async () => {
        const built = await cli('build');
        expect(built.exitCode).toBe(0);
        const modules = compiled(built.stdout.toString());
        expect(modules).toContain('Language.Preprocessor.Cpphs.MacroPass');
        expect(modules).toContain('Text.ParserCombinators.Poly.Lazy');
        expect(new Set(modules).size).toBeGreaterThan(20);

        const tested = await cli('test');
        expect(tested.exitCode).toBe(0);
        expect(tested.stdout.toString()).toContain('1 of 1 test suites (1 of 1 test cases) passed');
        // Nothing but the suite itself was left to build.
        expect(compiled(tested.stdout.toString())).toEqual([]);

        const fetched = (await cli('fetch')).stdout.toString().trim().split('\n');
        expect(fetched.sort()).toEqual([
          'result/bin/preprocess',
          expect.stringMatching(/^result\/lib\/libHScpphs-[\d.]+-inplace\.a$/),
          expect.stringMatching(/^result\/lib\/libHSpolyparse-[\d.]+-inplace\.a$/),
        ]);
        const { stdout } = await run(join(sources, 'result/bin/preprocess'), [], { input: '#define N 6\nN * 7\n' });
        expect(stdout).toContain('6 * 7');
      },
      LIMIT,
    );

    test(
      'after an edit only the module and what depends on it is compiled, and after none nothing',
      async () => {
        const nothing = await cli('build');
        expect(nothing.exitCode).toBe(0);
        expect(compiled(nothing.stdout.toString())).toEqual([]);
        change('RunCpphs');
        const { stdout, exitCode } = await cli('build');
        expect(exitCode).toBe(0);
        const modules = new Set(compiled(stdout.toString()));
        expect(modules).toContain('Language.Preprocessor.Cpphs.RunCpphs');
        modules.delete('Language.Preprocessor.Cpphs.RunCpphs');
        modules.delete('Language.Preprocessor.Cpphs');
        modules.delete('Main');
        expect([...modules]).toEqual([]);
      },
      LIMIT,
    );

    test(
      'an error of the compiler is the command’s own, and the next build is right',
      async () => {
        const text = readFileSync(module('RunCpphs'), 'utf8');
        writeFileSync(module('RunCpphs'), `${text}\nwrong :: Int\nwrong = "text"\n`);
        const failed = await cli('build');
        expect(failed.exitCode).toBe(1);
        expect(failed.stdout.toString() + failed.stderr).toMatch(/RunCpphs\.hs:\d+:\d+: error/);
        writeFileSync(module('RunCpphs'), text);
        expect((await cli('build')).exitCode).toBe(0);
      },
      LIMIT,
    );

    test(
      'a prompt answers',
      async () => {
        const { stdout } = await buildfleet(['repl', '--', 'lib:cpphs'], {
          cwd: sources,
          env: environment(),
          input: 'putStrLn (concat ["from ", "ghci"])\n:quit\n',
        });
        expect(stdout.toString()).toContain('from ghci');
      },
      LIMIT,
    );

    /** What is built while something goes wrong: the library alone, without two programs to link each time. */
    const BUILD = ['build', '--', 'lib:cpphs'];

    /** A build in the middle of its work. */
    async function building(): Promise<BuildfleetProcess> {
      change('MacroPass');
      const process = new BuildfleetProcess(BUILD, { cwd: sources, env: environment() });
      await until('a module is compiled', 120, () => process.output.toString().includes('Compiling'));
      return process;
    }

    test(
      'Ctrl-C and kill -9 of the CLI leave nothing on the machine after ten seconds, and the next build is right',
      async () => {
        const killers: Readonly<Record<string, (build: BuildfleetProcess) => void>> = {
          'Ctrl-C': (build) => build.child.kill('SIGINT'),
          'kill -9': (build) => build.child.kill('SIGKILL'),
        };
        for (const [how, kill] of Object.entries(killers)) {
          const build = await building();
          kill(build);
          expect((await build.finished).exitCode).toBeGreaterThan(128);
          await until(`nothing is left after ${how}`, 10, async () => (await compilers()).length === 0);
        }
        const { stdout, exitCode } = await cli(...BUILD);
        expect(exitCode).toBe(0);
        expect(compiled(stdout.toString())).not.toContain('Text.ParserCombinators.Poly.Lazy');
      },
      LIMIT,
    );

    test(
      'kill -9 of the ssh that a build runs through ends it on the machine, and it is begun again by itself',
      async () => {
        const build = await building();
        const before = await compilers();
        expect(before).not.toEqual([]);
        // The build could come to its end before its ssh does.
        await onVm(`kill -STOP ${before.join(' ')}`);
        const connections = processesMatching(
          (argv) =>
            argv[0] === 'ssh' &&
            argv.some((word) => word.startsWith(project.paths.stateDirectory)) &&
            argv.some((word) => word.includes('# Runs a command in a workspace')),
        );
        expect(connections).not.toEqual([]);
        for (const pid of connections) process.kill(pid, 'SIGKILL');
        // What has been told to end meanwhile does so now.
        await onVm(`kill -CONT ${before.join(' ')} || true`);
        await until('nothing is left of the first', 10, async () => {
          const now = await compilers();
          return before.every((pid) => !now.includes(pid));
        });
        const { exitCode, stdout, stderr } = await build.finished;
        expect({ exitCode, stdout: stdout.toString(), stderr }).toEqual({
          exitCode: 0,
          stdout: expect.stringMatching(/Compiling/),
          stderr: expect.stringMatching(
            /connection to haskell-build-alpha was lost[^]*haskell-build-alpha is back: going on/,
          ),
        });
        expect((await cli(...BUILD)).stdout.toString()).toContain('Up to date');
      },
      LIMIT,
    );

    test(
      'a machine that dies in the middle is waited for, and the build goes on by itself',
      async () => {
        const build = await building();
        let said = '';
        build.child.stderr.on('data', (text: string) => (said += text));
        process.kill(fleet.qemu('alpha'), 'SIGKILL');
        await until('the loss is reported', 60, () => said.includes('waiting until haskell-build-alpha is back'));
        expect(said).toContain('the connection to haskell-build-alpha was lost');
        await project.cdktf('deploy');
        const { exitCode, stderr } = await build.finished;
        expect(stderr).toContain('haskell-build-alpha is back: going on');
        expect(exitCode).toBe(0);
        expect((await cli(...BUILD)).stdout.toString()).toContain('Up to date');
        expect((await cli('test')).stdout.toString()).toContain('1 of 1 test suites (1 of 1 test cases) passed');
      },
      LIMIT,
    );
  },
);

/** Two libraries from the machine's own archive of Debian sources, and a package of ours that uses them. */
async function makeProject(directory: string, sources: string): Promise<void> {
  const apt = join(directory, 'apt');
  mkdirSync(join(apt, 'lists'), { recursive: true });
  mkdirSync(join(apt, 'parts'));
  mkdirSync(sources);
  for (const [index, text] of aptSources().entries())
    writeFileSync(join(apt, `parts/${index}.${text.startsWith('deb') ? 'list' : 'sources'}`), text);
  const options = [
    ...['-o', 'Dir::Etc::sourcelist=/dev/null', '-o', `Dir::Etc::sourceparts=${join(apt, 'parts')}`],
    ...['-o', `Dir::State::lists=${join(apt, 'lists')}`, '-o', 'APT::Sandbox::User=root'],
  ];
  await run('apt-get', [...options, 'update', '-q']);
  await run('apt-get', [...options, 'source', '-q', '--download-only', 'haskell-polyparse', 'cpphs'], { cwd: apt });
  for (const archive of readdirSync(apt).filter((name) => name.endsWith('.orig.tar.gz'))) {
    const name = archive.includes('polyparse') ? 'polyparse' : 'cpphs';
    mkdirSync(join(sources, name));
    await run('tar', ['xzf', join(apt, archive), '--strip-components=1', '-C', join(sources, name)]);
  }
  // Its program would compile every module of the library once more, and nothing here parses anything but strings.
  drop(/^Executable[\s\S]*/m, join(sources, 'cpphs/cpphs.cabal'));
  drop(/^ {2}if impl\(ghc\)\n(?: {4}.*\n)+/m, join(sources, 'polyparse/polyparse.cabal'));
  writeFileSync(join(sources, 'cabal.project'), CABAL_PROJECT);
  mkdirSync(join(sources, 'checks'));
  for (const [name, text] of Object.entries(CHECKS)) writeFileSync(join(sources, 'checks', name), text);
}

function drop(part: RegExp, file: string): void {
  const text = readFileSync(file, 'utf8');
  if (!part.test(text)) throw new Error(`${file} has no ${String(part)}`);
  writeFileSync(file, text.replace(part, ''));
}

/** The machine's sources of packages, each file as one of source packages. */
function aptSources(): string[] {
  const parts = '/etc/apt/sources.list.d';
  const files = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return [...files.filter((path) => /\.(list|sources)$/.test(path)), '/etc/apt/sources.list']
    .filter((path) => existsSync(path))
    .map((path) =>
      readFileSync(path, 'utf8')
        .replace(/^deb /gm, 'deb-src ')
        .replace(/^Types:.*$/gm, 'Types: deb-src'),
    );
}
