import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { loadFleet } from '../../../../src/cli/fleet-file';
import type { HubAnswer } from '../../../../src/cli/status/hub-entries';
import { probeTunnel } from '../../../../src/cli/status/probe';
import { instanceTitle } from '../../../../src/model/capability';
import { run } from '../../../../src/process/run';
import { agentKeywords } from '../../../support/agent-keywords';
import { writeStandInFleet } from '../../../support/stand-in-machine';
import { temporaryDirectory } from '../../../support/temporary-directory';

let directory: string;
let silent: Server;
let port: number;

beforeAll(async () => {
  directory = temporaryDirectory();
  silent = createServer((socket) => {
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  ({ port } = silent.address() as { port: number });
});

afterAll(() => {
  silent.close();
});

/** An sshd that accepts and says nothing, of a VM whose entry was written so many seconds ago. */
async function probeSilentVm(heartbeatSeconds: number, age: number) {
  const file = writeStandInFleet(directory, join(directory, 'key'), 'http://127.0.0.1:1', [
    { id: 'alpha', port, hostKey: 'ssh-ed25519 AAAA', heartbeatSeconds },
  ]);
  const loaded = loadFleet(file, directory);
  const name = 'haskell-build-alpha';
  const entry = {
    ...{ id: '1', domain: 'railiance', capability_type: 'haskell-build-agent', title: instanceTitle(name) },
    ...{ description: '', created_at: undefined, updated_at: new Date(Date.now() - age * 1000).toISOString() },
    keywords: agentKeywords({ ghcVersions: ['9.6.6'], hostName: name, tunnelPort: port }),
  };
  const hub: HubAnswer = { url: '', reachable: true, answers: true, detail: '', entries: [entry] };
  const tools = { run, signal: new AbortController().signal };
  return probeTunnel(loaded, loaded.fleet.vms[0]!, Promise.resolve(hub), tools);
}

test.each([
  ['was heard of a moment ago', 30, 10, 'slow', /0\.4 s/],
  ['is overdue', 30, 50, 'silent', /0\.4 s/],
  ['was heard of a moment ago, with a long heartbeat', 120, 40, 'slow', /0\.4 s/],
  ['is overdue, with a long heartbeat', 120, 200, 'silent', /0\.4 s/],
  ['is overdue, with a short heartbeat', 5, 10, 'silent', /0\.4 s/],
  // of a minute ago, and the next is not due: that tells neither of life nor of death
  ['may be alive', 120, 100, 'silent', /^(?!.*0\.4 s)/],
])('the hub ends the probe of a silent VM early where it can tell: it %s', async (_, heartbeat, age, state, detail) => {
  expect(await probeSilentVm(heartbeat, age)).toMatchObject({ state, detail: expect.stringMatching(detail) });
});
