import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shellWords } from '../../../src/rendering/shell-word';
import { listProcesses } from '../../../src/process/process-identity';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { freePort, StandInMachine, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended; it only waits for its parent.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describeWithTools(['sshd', 'ssh', 'ssh-keygen', 'setpriv', 'bash'], 'buildfleet exec over a real sshd', () => {
  let directory: string;
  let machine: StandInMachine;
  let fleet: string;
  let sshConfig: string;

  beforeAll(async () => {
    directory = temporaryDirectory();
    machine = await StandInMachine.create(join(directory, 'machine'));
    sshConfig = join(directory, 'state', 'ssh-config');
    fleet = writeStandInFleet(join(directory, 'state'), machine.userKey, 'http://127.0.0.1:1', [
      { id: 'alpha', port: machine.port, hostKey: machine.hostKey },
      { id: 'dead', port: await freePort(), hostKey: machine.hostKey },
    ]);
  });

  afterAll(async () => {
    await machine.dispose();
  });

  const exec = (...command: string[]) => buildfleet(['exec', '--fleet', fleet, 'alpha', '--', ...command]);

  test('hands every argument on unchanged', async () => {
    const args = [
      '',
      ' ',
      'two words',
      "it's",
      '"',
      '$HOME `id` $(id)',
      'line\nbreak',
      '-n',
      '--json',
      '--',
      '*',
      '\\',
      'ü',
      ';',
      '!x',
      '~',
    ];
    const { stdout, exitCode } = await exec('printf', '%s\\0', ...args);
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(args);
    expect(exitCode).toBe(0);
  });

  test('passes bytes through in both directions and keeps the two outputs apart', async () => {
    const bytes = randomBytes(300_000);
    const { stdout, stderr } = await buildfleet(
      ['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', 'cat; echo aside >&2'],
      { input: bytes },
    );
    expect(stdout.equals(bytes)).toBe(true);
    expect(stderr).toBe('aside\n');
  });

  test.each([
    ['success', ['true'], 0],
    ['a failure', ['sh', '-c', 'exit 3'], 3],
    ['the highest code', ['sh', '-c', 'exit 254'], 254],
    ['a command ended by a signal', ['sh', '-c', 'kill -KILL $$'], 137],
    ['a command that does not exist', ['no-such-command-here'], 127],
  ])('ends with the exit code of %s', async (_, command, expected) => {
    expect((await exec(...command)).exitCode).toBe(expected);
  });

  test('does not invent an explanation when the command itself ends with 255', async () => {
    const { exitCode, stderr } = await exec('sh', '-c', 'exit 255');
    expect(exitCode).toBe(255);
    expect(stderr).toBe('');
  });

  test('takes options after the command as the command’s', async () => {
    const { stdout } = await buildfleet(['exec', '--fleet', fleet, 'alpha', 'echo', '--json', '-h']);
    expect(stdout.toString()).toBe('--json -h\n');
  });

  test('leaves the command its interrupt signal', async () => {
    const { stdout } = await exec('sh', '-c', 'trap "echo caught" INT; kill -INT $$; echo on');
    expect(stdout.toString()).toBe('caught\non\n');
  });

  test('starts commands in the caller’s place: input that ends is no end of the command', async () => {
    const { stdout, exitCode } = await exec('sh', '-c', 'cat; sleep 1; echo later');
    expect(stdout.toString()).toBe('later\n');
    expect(exitCode).toBe(0);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends the command with everything it started',
    async (signal) => {
      const files = join(directory, signal);
      const script = `echo $$ > ${files}.1; sh -c 'echo $$ > ${files}.2; exec sleep 300' & sleep 300; wait`;
      const cli = new BuildfleetProcess(['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', script]);
      const pids = await until('the command started', 20, () => {
        if (!existsSync(`${files}.1`) || !existsSync(`${files}.2`)) return null;
        const found = [1, 2].map((part) => Number(readFileSync(`${files}.${part}`, 'utf8')));
        return found.every((pid) => pid > 0) ? found : null;
      });
      expect(pids.map(isAlive)).toEqual([true, true]);
      cli.child.kill(signal);
      expect((await cli.finished).exitCode).toBeGreaterThan(128);
      await until('the remote processes are gone', 10, () => !pids.some(isAlive));
    },
  );

  test('kill -9 ends the command, too', async () => {
    const file = join(directory, 'killed');
    const script = `echo $$ > ${file}; sleep 300`;
    const cli = new BuildfleetProcess(['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', script]);
    const pid = await until('the command started', 20, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
    cli.child.kill('SIGKILL');
    await cli.finished;
    await until('the remote process is gone', 10, () => !isAlive(pid));
  });

  test('commands share one connection, and a master that does not answer is replaced', async () => {
    const client = async () => (await exec('sh', '-c', 'echo $SSH_CONNECTION')).stdout.toString();
    const first = await client();
    expect(await client()).toBe(first);
    const masters = listProcesses().filter(({ argv }) => argv.includes('-M') && argv.includes(sshConfig));
    expect(masters).toHaveLength(1);
    process.kill(masters[0]!.pid, 'SIGSTOP');
    try {
      expect(await client()).not.toBe(first);
    } finally {
      process.kill(masters[0]!.pid, 'SIGKILL');
    }
  });

  test('a connection that broke is made again', async () => {
    await exec('true');
    await machine.disconnect();
    expect((await exec('echo', 'again')).stdout.toString()).toBe('again\n');
  });

  test('a command that ignores being asked to end is killed', async () => {
    const file = join(directory, 'stubborn');
    const cli = new BuildfleetProcess([
      'exec',
      '--fleet',
      fleet,
      'alpha',
      '--',
      'sh',
      '-c',
      `trap '' TERM HUP; echo $$ > ${file}; while :; do sleep 1; done`,
    ]);
    const pid = await until('the command started', 20, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
    cli.child.kill('SIGTERM');
    await cli.finished;
    await until('the remote process is gone', 15, () => !isAlive(pid));
  });

  test('a reader that has seen enough ends the command', async () => {
    const file = join(directory, 'yes');
    const cli = new BuildfleetProcess([
      'exec',
      '--fleet',
      fleet,
      'alpha',
      '--',
      'sh',
      '-c',
      `echo $$ > ${file}; exec yes`,
    ]);
    const pid = await until('the command started', 20, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
    cli.child.stdout.destroy();
    await until('the remote process is gone', 15, () => !isAlive(pid));
    await cli.finished;
  });

  test('kill -9 of its ssh is told from an end of the command, which ends as well', async () => {
    const file = join(directory, 'cut-off');
    const words = ['exec', '--fleet', fleet, 'alpha', '--', 'sh', '-c', `echo $$ > ${file}; exec sleep 300`];
    const cli = new BuildfleetProcess(words);
    const pid = await until('the command started', 20, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
    const [ssh, ...others] = listProcesses().filter(({ argv }) => argv[0] === 'ssh' && argv.join(' ').includes(file));
    expect(others).toEqual([]);
    process.kill(ssh!.pid, 'SIGKILL');
    const { exitCode, stderr } = await cli.finished;
    expect(exitCode).toBe(137);
    expect(stderr).toContain('the ssh to haskell-build-alpha was ended by SIGKILL');
    await until('the remote process is gone', 10, () => !isAlive(pid));
  });

  describeWithTools(['script'], 'on a terminal', () => {
    /** The CLI on a terminal of its own, whose keyboard is the child's standard input. */
    const onTerminal = (...command: string[]) => {
      const words = [join(__dirname, '../../../bin/buildfleet'), 'exec', '--fleet', fleet, 'alpha', '--', ...command];
      return spawn('script', ['-qec', shellWords(words), '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    };

    test('the command has a terminal, too', async () => {
      const script = onTerminal('sh', '-c', 'test -t 0 && test -t 1 && test -t 2; exit $((40 + $?))');
      expect(await new Promise((resolve) => script.once('exit', resolve))).toBe(40);
    });

    test('Ctrl-C reaches the command as the interrupt key does', async () => {
      const file = join(directory, 'terminal');
      const script = onTerminal(
        'sh',
        '-c',
        `trap 'echo interrupted > ${file}; exit 9' INT; echo $$ > ${file}; sleep 300`,
      );
      const pid = await until('the command started', 20, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
      script.stdin.write('\u0003');
      expect(await new Promise((resolve) => script.once('exit', resolve))).toBe(9);
      expect(readFileSync(file, 'utf8')).toBe('interrupted\n');
      expect(isAlive(pid)).toBe(false);
    });

    test('a terminal that closes ends the command', async () => {
      const file = join(directory, 'hangup');
      const script = onTerminal('sh', '-c', `echo $$ > ${file}; sleep 300`);
      const pid = await until('the command started', 20, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
      script.kill('SIGKILL');
      await until('the remote process is gone', 10, () => !isAlive(pid));
    });
  });

  test('says why a VM cannot be reached', async () => {
    const { exitCode, stderr } = await buildfleet(['exec', '--fleet', fleet, 'dead', '--', 'true']);
    expect(exitCode).toBe(255);
    expect(stderr).toMatch(/Connection refused/);
    expect(stderr).toMatch(/buildfleet: haskell-build-dead: /);
  });

  test('ssh without a terminal of its own runs a command, too', async () => {
    const { stdout, exitCode } = await buildfleet([
      'ssh',
      '--fleet',
      fleet,
      'haskell-build',
      '--',
      'sh',
      '-c',
      'echo here; exit 5',
    ]);
    expect(stdout.toString()).toBe('here\n');
    expect(exitCode).toBe(5);
  });

  test('ssh without a command is a login shell', async () => {
    const { stdout, exitCode } = await buildfleet(['ssh', '--fleet', fleet, 'alpha'], {
      input: 'echo hello from here; exit 7\n',
    });
    expect(stdout.toString()).toContain('hello from here');
    expect(exitCode).toBe(7);
  });

  test('an unknown VM is refused with the names there are', async () => {
    const { exitCode, stderr } = await buildfleet(['exec', '--fleet', fleet, 'gamma', '--', 'true']);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/no VM of this name \(received "gamma"\): use one of: alpha, dead/);
  });
});
