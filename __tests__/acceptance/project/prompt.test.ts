import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shellWords } from '../../../src/rendering/shell-word';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { describeAsRoot, WORK_TOOLS, WorkFleet } from './support/work-fleet';

jest.setTimeout(120_000);

const CLI = join(__dirname, '../../../bin/buildfleet');

describeAsRoot('prompts on stand-in machines (needs root)', () => {
  describeWithTools([...WORK_TOOLS, 'python3', 'script'], 'with a fake GHCi', () => {
    let fleet: WorkFleet;
    const open: ChildProcessWithoutNullStreams[] = [];

    beforeAll(async () => {
      fleet = await WorkFleet.create('alpha');
      const ghci = fleet.addProgram('ghci', readFileSync(join(__dirname, '../../support/fake-ghci'), 'utf8'));
      const cabal = fleet.addProgram('other-cabal', readFileSync(join(fleet.directory, 'bin/cabal'), 'utf8'));
      // A dash in between would take Ctrl-C for the end; cabal does not. A fake makes no store that others may wait for.
      fleet.addProgram('cabal', `#!/bin/sh\nexec 6>&-\n[ "$1" != repl ] || exec ${ghci}\nexec ${cabal} "$@"\n`);
    });

    afterAll(() => fleet.dispose());

    afterEach(async () => {
      for (const prompt of open.splice(0)) prompt.kill('SIGTERM');
      await fleet.untilQuiet();
    });

    /** A prompt with pipes, in a process group of its own, as ghcid starts one. */
    async function prompt(root: string) {
      const env = { ...process.env, BUILDFLEET_FLEET: '', ...fleet.environment };
      const child = spawn(CLI, ['repl', '--vm', 'alpha', '--quiet'], { cwd: root, env, detached: true });
      open.push(child);
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      const said = (words: string) => until(`it says ${words}`, 30, () => `${out}${err}`.includes(words));
      const send = (line: string) => child.stdin.write(`${line}\n`);
      await said('ghci> ');
      return { child, send, said, output: () => ({ out, err }) };
    }

    test('ghcid: prompts, both outputs, and a reload right behind each save', async () => {
      const root = fleet.makeProject();
      const { child, send, said, output } = await prompt(root);
      for (const line of [':set prompt "#~GHCID-0~#"', 'putStrLn "#~GHCID-START~#"', ':show modules']) send(line);
      await said('Main ( Main.hs, interpreted )\n#~GHCID-0~#');
      expect(output().out).toContain('#~GHCID-0~#out putStrLn "#~GHCID-START~#"\n');
      expect(output().err).toContain('err putStrLn "#~GHCID-START~#"\n');
      for (const edit of ['first edit', 'second edit', 'other edit']) {
        writeFileSync(join(root, 'Main.hs'), edit);
        send(':reload');
        await said('Failed, no modules loaded.');
        await said(`Main.hs:1:1: error: ${edit}\n`);
      }
      const stale = output()
        .err.split('\n')
        .filter((line) => line.startsWith('Main.hs:1:1'));
      expect(stale).toHaveLength(3);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      send(':quit');
      expect(await ended).toBe(0);
    });

    test('an interrupt ends the evaluation, and neither the prompt nor the sending', async () => {
      const root = fleet.makeProject();
      const { child, send, said, output } = await prompt(root);
      send('loop');
      await said('looping');
      writeFileSync(join(root, 'Main.hs'), 'edited while it ran');
      process.kill(-(child.pid ?? 0), 'SIGINT');
      await said('Interrupted.');
      send(':reload');
      await said('error: edited while it ran');
      expect(child.exitCode).toBeNull();
      expect(output().err).not.toContain('buildfleet:');
    });

    test('other commands do not wait for an open prompt, and edits are there without being asked for', async () => {
      const root = fleet.makeProject();
      const { said, send } = await prompt(root);
      for (const words of [['build'], ['sync'], ['fetch']]) {
        const { exitCode, stderr } = await fleet.cli(root, ...words, '--vm', 'alpha');
        expect({ exitCode, isWaiting: stderr.includes('waiting for') }).toEqual({ exitCode: 0, isWaiting: false });
      }
      writeFileSync(join(root, 'Main.hs'), 'edited');
      const there = join(fleet.workspaceOf(root), 'Main.hs');
      await until('the edit is there', 20, () => readFileSync(there, 'utf8') === 'edited');
      send('still there');
      await said('out still there');
    });

    test('nothing of a prompt stays when it is killed', async () => {
      const root = fleet.makeProject();
      const { child, send, said } = await prompt(root);
      send('loop');
      await said('looping');
      const books = join(fleet.directory, 'alpha/build/.buildfleet');
      const ofPrompts = () => readdirSync(books).filter((name) => name.includes('.repl-'));
      expect(ofPrompts()).not.toEqual([]);
      child.kill('SIGKILL');
      await until('its books are gone', 20, () => ofPrompts().length === 0);
      await fleet.untilQuiet();
    });

    test('Ctrl-C on a terminal interrupts the evaluation', async () => {
      const root = fleet.makeProject();
      const log = join(fleet.directory, 'prompt.log');
      const args = ['-qefc', shellWords([CLI, 'repl', '--vm', 'alpha', '--quiet']), log];
      const terminal = spawn('script', args, { cwd: root, env: { ...process.env, ...fleet.environment } });
      const ended = new Promise((resolve) => terminal.once('exit', resolve));
      const said = (words: string) =>
        until(`it says ${words}`, 30, () => existsSync(log) && readFileSync(log, 'utf8').includes(words));
      await said('ghci> ');
      terminal.stdin.write('loop\r');
      await said('looping');
      terminal.stdin.write('\u0003');
      await said('Interrupted.');
      terminal.stdin.write('and on\r');
      await said('out and on');
      terminal.stdin.write(':quit\r');
      expect(await ended).toBe(0);
    });
  });
});
