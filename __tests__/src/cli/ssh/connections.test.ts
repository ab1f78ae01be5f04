import { join } from 'node:path';
import type { LoadedFleet } from '../../../../src/cli/fleet-file';
import { Connections } from '../../../../src/cli/ssh/connections';
import { askVm } from '../../../../src/cli/toolchain/ask-vm';
import type { FleetVm } from '../../../../src/model/fleet';
import { FleetPaths } from '../../../../src/model/paths';
import type { Run } from '../../../../src/process/run';
import { temporaryDirectory } from '../../../support/temporary-directory';

const VM = { id: 'alpha', name: 'haskell-build-alpha' } as FleetVm;
const LOADED = { sshConfig: '/state/ssh-config', paths: new FleetPaths('/state') } as LoadedFleet;

let directory: string;
let calls: string[][];
let connections: Connections;

beforeEach(() => {
  directory = temporaryDirectory();
  calls = [];
  const recording: Run = (file, args) => {
    calls.push([file, ...args]);
    return Promise.resolve({ stdout: '', stderr: '', exitCode: 0 });
  };
  const { signal } = new AbortController();
  connections = new Connections(LOADED, { run: recording, environment: { XDG_RUNTIME_DIR: directory }, signal });
});

const socketOf = (call: readonly string[]) => call[call.indexOf('-S') + 1];

test('all commands of a VM use one socket, which the master makes', async () => {
  await connections.open(VM);
  await connections.run(VM, { what: 'a test', command: 'true' });
  const [end = [], master = [], command = []] = calls;
  expect(end).toEqual(expect.arrayContaining(['-O', 'exit']));
  expect(master).toEqual(expect.arrayContaining(['-M', '-N', '-f']));
  expect(socketOf(master)).toContain(join(directory, 'buildfleet'));
  expect([socketOf(end), socketOf(command)]).toEqual([socketOf(master), socketOf(master)]);
  for (const call of [master, command]) expect(call).toContain('ConnectTimeout=20');
});

test('a call that has to prove the login uses no shared connection', async () => {
  await connections.run(VM, { what: 'a test', command: 'true', ownConnection: true });
  expect(calls[0]).not.toContain('-S');
  expect(calls[0]).toContain('ControlPath=none');
});

test('the helper of a VM is asked over the shared connection', async () => {
  await askVm(VM, ['buildfleet-helper'], {
    ...{ connections, onProgress: () => undefined },
    explain: () => Promise.resolve(undefined),
  });
  expect(calls).toHaveLength(1);
  expect(socketOf(calls[0]!)).toContain(join(directory, 'buildfleet'));
});
