import { FleetError } from '../../../../../src/model/errors';
import { type Drain, whileDrained } from '../../../../../src/provider/resources/vm/drain';
import { readRounds } from '../../../../../src/provider/resources/vm/drain-rounds';
import { FakeGuest } from './fake-guest';

let calls: string[];
let guest: FakeGuest;
let steps: string[];
let warned: unknown[];
let controller: AbortController;

beforeEach(() => {
  calls = [];
  guest = new FakeGuest(calls);
  steps = [];
  warned = [];
  controller = new AbortController();
});

function drained(changes: Partial<Drain> = {}): Promise<string> {
  const drain: Drain = {
    ...{ name: 'haskell-build-alpha', tunnelPort: 12221, keys: ['/home/op/.ssh/id_build'], directory: '/state/alpha' },
    ...{ timeoutSeconds: 1, script: "echo 'hello'", hold: guest.hold, signal: controller.signal },
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (_, fields) => {
        warned.push(fields?.['reason']);
      },
    },
    progress: { step: (text, detail) => steps.push([text, detail].join(': ')), amount: () => undefined },
    ...changes,
  };
  return whileDrained(drain, () => {
    calls.push('stop');
    return Promise.resolve('stopped');
  });
}

test('new builds are kept away until the stop is done', async () => {
  expect(await drained()).toBe('stopped');
  expect(calls).toEqual(['drain', 'stop', 'released']);
});

test('waits for builds, and says for which', async () => {
  guest.answers = [{ rounds: [['app-1 root@desk, pid 4', 'lib-2 eve@desk'], ['app-1 root@desk, pid 4'], []] }];
  await drained();
  expect(steps).toEqual([
    'keeping new builds away: ',
    'waiting for 2 builds: app-1 (root@desk, pid 4); lib-2 (eve@desk)',
    'waiting for 1 build: app-1 (root@desk, pid 4)',
  ]);
  expect(calls).toEqual(['drain', 'stop', 'released']);
});

test('builds that do not end in time are named, and nothing is stopped', async () => {
  guest.answers = [{ rounds: [['app-1 root@desk']] }];
  await expect(drained()).rejects.toMatchObject({
    code: 'vm-busy',
    message:
      'haskell-build-alpha: 1 build did not end within 1 s: app-1 (root@desk): wait for them or end them, then deploy again; with a longer drainTimeout of the VM a deploy waits longer',
  });
  expect(calls).toEqual(['drain', 'released']);
});

test('a VM that does not answer is not waited for, and the log says so', async () => {
  guest.answers = [
    { rounds: [], broken: 'Warning: x\nssh: connect to host 127.0.0.1 port 12221: Connection refused\n' },
  ];
  expect(await drained()).toBe('stopped');
  expect(warned).toEqual(['ssh: connect to host 127.0.0.1 port 12221: Connection refused']);
});

test('a connection that is lost is made again before anything is stopped', async () => {
  guest.answers = [{ rounds: [['app-1 root@desk']], broken: 'closed' }, { rounds: [['app-1 root@desk'], []] }];
  await drained();
  expect(calls).toEqual(['drain', 'released', 'drain', 'stop', 'released']);
});

test('one that is lost again and again does not extend the time', async () => {
  guest.answers = Array.from({ length: 100_000 }, () => ({ rounds: [['app-1 root@desk']], broken: 'closed' }));
  await expect(drained()).rejects.toThrow('did not end within 1 s');
});

test('the operator may stop waiting', async () => {
  guest.answers = [{ rounds: [['app-1 root@desk']] }];
  guest.onTold = () => {
    controller.abort();
  };
  await expect(drained({ timeoutSeconds: 600 })).rejects.toMatchObject({ name: 'AbortError' });
  expect(calls).toEqual(['drain', 'released']);
});

test('what the stop throws is thrown, once builds are taken again', async () => {
  const drain = whileDrained(
    {
      ...{ name: 'alpha', tunnelPort: 1, keys: ['/key'], directory: '/state', timeoutSeconds: 1, script: '' },
      ...{ hold: guest.hold, signal: controller.signal, progress: { step: () => undefined, amount: () => undefined } },
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
    },
    () => Promise.reject(new FleetError({ code: 'cancelled', problem: 'no', remedy: 'none' })),
  );
  await expect(drain).rejects.toMatchObject({ code: 'cancelled' });
  expect(calls).toEqual(['drain', 'released']);
});

test.each([{ timeoutSeconds: 0 }, { keys: [] }])('%j stops the VM without asking for builds', async (changes) => {
  expect(await drained(changes)).toBe('stopped');
  expect(calls).toEqual(['stop']);
});

test('ssh neither asks the operator nor reads a client configuration, and takes the script as one word', async () => {
  await drained({ keys: ['/home/a "b"/100%', '/other'] });
  const [command = []] = guest.commands;
  expect(command).toEqual(
    expect.arrayContaining([
      ...['ssh', 'BatchMode=yes', 'ControlPath=none', '-F', 'none', '12221', 'StrictHostKeyChecking=yes'],
      ...['IdentityFile="/home/a \\"b\\"/100%%"', 'IdentityFile="/other"'],
      ...['HostKeyAlias=haskell-build-alpha', 'UserKnownHostsFile="/state/alpha/known_hosts"', 'build@127.0.0.1'],
    ]),
  );
  expect(command.at(-1)).toBe(`exec bash -c 'echo '\\''hello'\\''' drain /build`);
});

test('what a guest calls its builds is one short line', () => {
  const rounds: string[] = [];
  const read = readRounds((builds) => rounds.push(JSON.stringify(builds)));
  for (const line of ['motd', `building a-1 \u001b[31mred\n${'x'.repeat(1000)}`, 'building b-2', 'round', 'round'])
    read(line);
  expect(rounds).toHaveLength(2);
  expect(JSON.parse(rounds[0]!)).toEqual([
    { workspace: 'a-1', who: expect.stringMatching(/^red x{90,120}$/) as unknown },
    { workspace: 'b-2', who: 'an unknown user' },
  ]);
  expect(rounds[1]).toBe('[]');
});
