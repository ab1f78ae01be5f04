import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ConnectionLost } from '../../../../src/cli/work/connection-lost';
import { SentJournal } from '../../../../src/cli/work/sent-journal';
import { sync, type SyncReport } from '../../../../src/cli/work/sync';
import type { Connections } from '../../../../src/cli/ssh/connections';
import type { FleetVm } from '../../../../src/model/fleet';
import { listProcesses } from '../../../../src/process/process-identity';
import { type Run, run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';
import { until } from '../../../support/until';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
const WORKSPACE = 'me-app-0123456789ab';

/** Stands in for ssh: a machine whose /build is a directory of ours. */
const SSH = `#!/bin/sh
touch "$MACHINE/asked"
[ ! -e "$MACHINE/dead" ] || exit 255
while [ "$1" != ${VM.name} ]; do shift; done
shift
exec sh -c "$(printf %s "$*" | sed "s,/build/,$MACHINE/build/,g")"
`;

let directory: string;
let machine: string;
let project: string;

beforeEach(() => {
  directory = temporaryDirectory();
  machine = join(directory, 'machine');
  project = join(directory, 'project');
  mkdirSync(join(machine, 'build', WORKSPACE), { recursive: true });
  mkdirSync(project);
  writeFileSync(join(project, 'Main.hs'), 'main = pure ()\n');
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'bin/ssh'), SSH, { mode: 0o755 });
});

interface Start {
  /** Name of the file in which is noted what was sent. */
  readonly journal?: string;
  readonly signal?: AbortSignal;
}

function start(after: Promise<unknown> | undefined, { journal, signal }: Start = {}): Promise<SyncReport> {
  const env = { PATH: `${join(directory, 'bin')}:${process.env['PATH']}`, MACHINE: machine };
  const withStandIn: Run = (file, args, options) => run(file, args, { ...options, env });
  const connections = {
    options: () => ['-F', "it's here", '-T'],
    run: (_: FleetVm, { command }: { command: string }) => withStandIn('ssh', [VM.name, command]),
  } as unknown as Connections;
  const sending = { follow: [], ignored: false, home: '/nowhere' };
  const request = {
    ...{ vm: VM, root: project, workspace: WORKSPACE, sending, after },
    journal: journal && join(directory, journal),
    signal: signal ?? new AbortController().signal,
  };
  return sync({ run: withStandIn, connections }, request);
}

const arrived = () => readdirSync(join(machine, 'build', WORKSPACE));

test('rsync starts on the machine, and does nothing there before the gate opens', async () => {
  let open: () => void = () => undefined;
  const done = start(new Promise<void>((resolve) => (open = resolve)));
  await until('the machine is asked', 20, () => existsSync(join(machine, 'asked')));
  // What was there before must not be deleted either.
  writeFileSync(join(machine, 'build', WORKSPACE, 'old'), '');
  expect(await Promise.race([done, pause(300, 'waiting')])).toBe('waiting');
  expect(arrived()).toEqual(['old']);
  open();
  expect(await done).toMatchObject({ files: 1, deleted: 1 });
  expect(arrived()).toEqual(['Main.hs']);
});

test('a gate that is open already holds nothing up', async () => {
  expect(await start(Promise.resolve())).toMatchObject({ files: 1 });
});

test('a gate that will never open ends it, and nothing has happened', async () => {
  const never = Promise.reject(new Error('no workspace'));
  never.catch(() => undefined);
  await expect(start(never)).rejects.toThrow(ConnectionLost);
  expect(arrived()).toEqual([]);
});

test('a connection that ends before the gate opens is noticed', async () => {
  writeFileSync(join(machine, 'dead'), '');
  await expect(start(new Promise(() => undefined))).rejects.toThrow(ConnectionLost);
});

test.each([
  [23, 'rsync: [receiver] mkstemp "/build/x/.Main.hs.1" failed: No space left on device (28)'],
  [11, 'rsync: [Receiver] mkdir "/build/x" failed: No space left on device (28)'],
])('a disk that is full is told as that, with exit code %d of a fake rsync, too', async (exitCode, words) => {
  writeFileSync(join(directory, 'bin/rsync'), `#!/bin/sh\necho '${words}' >&2\nexit ${exitCode}\n`, { mode: 0o755 });
  await expect(start(Promise.resolve())).rejects.toMatchObject({ code: 'vm-disk-full' });
});

describe('an edit of the same size', () => {
  const sent = (name: string) => readFileSync(join(machine, 'build', WORKSPACE, name), 'utf8');
  const main = () => join(project, 'Main.hs');

  test('in the same second is sent', async () => {
    await start(Promise.resolve());
    const { mtimeMs } = statSync(main());
    writeFileSync(main(), 'main = fail ()\n');
    utimesSync(main(), mtimeMs / 1000, (Math.floor(mtimeMs / 1000) * 1000 + ((mtimeMs + 7) % 1000)) / 1000);
    await start(Promise.resolve());
    expect(sent('Main.hs')).toBe(readFileSync(main(), 'utf8'));
  });

  test('within the same second, where the file system counts no parts of it, is there all the same', async () => {
    const time = Math.floor(Date.now() / 1000);
    utimesSync(main(), time, time);
    // the stand-in for ssh edits the file once rsync is at work
    const edit = `printf 'main = fail ()\\n' >'${main()}'; touch -d @${time} '${main()}'`;
    const once = `[ -e '${machine}/edited' ] || { sleep 0.2; ${edit}; touch '${machine}/edited'; }`;
    writeFileSync(join(directory, 'bin/ssh'), SSH.replace('exec sh -c', `(${once}) >&2 &\nexec sh -c`), {
      mode: 0o755,
    });
    await start(Promise.resolve());
    await until('the edit', 10, () => existsSync(join(machine, 'edited')));
    await start(Promise.resolve());
    expect(sent('Main.hs')).toBe('main = fail ()\n');
  });
});

describe('two commands on one project', () => {
  const books = () => join(machine, `build/.buildfleet/${WORKSPACE}`);
  const workspace = (name: string) => join(machine, 'build', WORKSPACE, name);
  const kept = () => (existsSync(`${books()}.kept`) ? readdirSync(`${books()}.kept`) : []);
  const edit = (name: string, text: string) => {
    writeFileSync(join(project, name), text);
  };
  const opened = { journal: 'journal' };

  beforeEach(() => {
    mkdirSync(join(machine, 'build/.buildfleet'));
  });

  async function killedCommand(): Promise<void> {
    new SentJournal(join(directory, 'journal')).begin('0123456789ab');
    await run('cp', ['-p', join(project, 'Main.hs'), workspace('Main.hs')]);
  }

  /** One that has looked at everything, and waits for the workspace. */
  async function startWaiting(options: Start) {
    let open: () => void = () => undefined;
    const done = start(new Promise<void>((resolve) => (open = resolve)), options);
    // its rsync has listed the project when the machine's is there
    await until('the machine is asked', 20, () => existsSync(join(machine, 'asked')));
    await pause(500);
    return { done, open };
  }

  test('what the first has sent is no work of the VM for the second, and stays', async () => {
    await start(undefined, opened);
    edit('Main.hs', 'main = one\n');
    const second = await startWaiting(opened);
    edit('Main.hs', 'main = other\n');
    edit('New.hs', '');
    expect((await start(undefined, opened)).remarks).toEqual([]);
    edit('Main.hs', 'main = another\n');
    second.open();
    expect(await second.done).toMatchObject({ deleted: 0, remarks: [] });
    expect(arrived().sort()).toEqual(['Main.hs', 'New.hs']);
    expect(readFileSync(workspace('Main.hs'), 'utf8')).toBe('main = another\n');
    await start(undefined, opened);
    expect(kept()).toEqual([]);
  });

  test('a second that gives up leaves alone what the first puts aside just now', async () => {
    await start(undefined, opened);
    // as behind a connection: what runs there ends only when it has no input any more
    const apart = `${SSH.replace('exec sh', 'sh').trimEnd()} <&0 &\nwait $!\n`;
    writeFileSync(join(directory, 'bin/ssh'), apart, { mode: 0o755 });
    const giveUp = new AbortController();
    const second = await startWaiting({ ...opened, signal: giveUp.signal });
    mkdirSync(`${books()}.aside-0123456789ab`);
    writeFileSync(`${books()}.aside-0123456789ab/golden.txt`, 'accepted');
    giveUp.abort();
    await expect(second.done).rejects.toThrow();
    await until(
      'its rsync there has ended',
      20,
      () => !listProcesses().some(({ argv }) => argv.includes(`${machine}/build/${WORKSPACE}/`)),
    );
    expect(readdirSync(`${books()}.aside-0123456789ab`)).toEqual(['golden.txt']);
    writeFileSync(join(directory, 'bin/ssh'), SSH, { mode: 0o755 });
    // nothing looked through it: its command has ended
    edit('Main.hs', 'main = one\n');
    expect((await start(undefined, opened)).remarks).toEqual([]);
    expect(kept()).toEqual(['golden.txt']);
  });

  test.each([
    ['was killed while it sent', killedCommand],
    ['noted it elsewhere', () => start(undefined, { journal: 'other' })],
  ])(
    'of what one sent that %s nothing is said, and of what the VM changes after that all',
    async (_, sendElsewhere) => {
      await start(undefined, opened);
      edit('Main.hs', 'main = one\n');
      await sendElsewhere();
      writeFileSync(workspace('Main.hs'), 'main = one\n');
      edit('Main.hs', 'main = another\n');
      expect((await start(undefined, opened)).remarks).toEqual([]);
      writeFileSync(workspace('Main.hs'), 'main = of the VM\n');
      expect((await start(undefined, opened)).remarks).toEqual([expect.stringContaining('put aside there: Main.hs; ')]);
      expect(kept()).toContain('Main.hs');
    },
  );
});
