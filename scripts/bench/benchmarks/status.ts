import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentKeywords } from '../../../__tests__/support/agent-keywords';
import { buildfleet, BuildfleetProcess } from '../../../__tests__/support/buildfleet';
import { freePort, StandInMachine, writeStandInFleet } from '../../../__tests__/support/stand-in-machine';
import { until } from '../../../__tests__/support/until';
import { statusReportSchema } from '../../../src/cli/status/report';
import { createHubClient } from '../../../src/hub/client';
import { BUILD_AGENT_TYPE, CAPABILITY_DOMAIN, instanceTitle } from '../../../src/model/capability';
import { probeHostKey } from '../../../src/ssh/host-key-probe';
import { fleetTarget } from '../../../src/ssh/target';
import { run } from '../../../src/process/run';
import type { Benchmark } from '../figure';
import { interleavedWhenWarm, secondsOf } from '../timing';

const ALIVE = 8;
const ROUNDS = 9;

/** As long as `status` waits for a VM that says nothing. */
const SILENCE_MS = 400;

/** The status of ten stand-ins, of which one has no tunnel and one hangs, against the probes alone. */
export const status: Benchmark = async ({ signal, progress }) => {
  progress('starting eight sshd that stand in for VMs');
  const directory = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
  const machines: StandInMachine[] = [];
  const hung = await silentListener();
  const hub = new BuildfleetProcess(['hub', '--port', '0', '--database', join(directory, 'hub.sqlite'), '--json']);
  try {
    const first = await StandInMachine.create(join(directory, 'machine-0'));
    machines.push(first);
    while (machines.length < ALIVE)
      machines.push(await StandInMachine.create(join(directory, `machine-${machines.length}`)));
    const url = await until('the hub listens', 20, () => {
      const line = hub.output.toString();
      return line.endsWith('\n') && (JSON.parse(line) as { url: string }).url;
    });
    const vms = [
      ...machines.map(({ port, hostKey }, index) => ({ id: `vm${index}`, port, hostKey })),
      { id: 'closed', port: await freePort(), hostKey: first.hostKey },
      { id: 'hung', port: hung.port, hostKey: first.hostKey },
    ];
    for (const { id, port } of vms) await register(url, id, port);
    const file = writeStandInFleet(join(directory, 'state'), first.userKey, url, vms);
    const sshConfig = join(directory, 'state/ssh-config');

    const look = async (): Promise<void> => {
      const { stdout } = await buildfleet(['status', '--json', '--fleet', file]);
      const states = statusReportSchema.parse(JSON.parse(stdout.toString())).vms.map((vm) => vm.tunnel.state);
      if (states.join() !== [...machines.map(() => 'up'), 'closed', 'slow'].join())
        throw new Error(`the tunnels were seen as ${states.join(', ')}`);
    };
    const probe = async (id: string): Promise<void> => {
      const enough = new AbortController();
      await probeHostKey(run, fleetTarget(sshConfig, `haskell-build-${id}`), {
        ...{ timeoutSeconds: 2, enough: enough.signal, signal },
        onStep: (step) => {
          const giveUp = () => {
            enough.abort();
          };
          if (id === 'hung' && step === 'connected') setTimeout(giveUp, SILENCE_MS);
        },
      });
    };
    const work = {
      status: () => secondsOf(look),
      probes: () =>
        secondsOf(async () => {
          await run(process.execPath, ['--eval', '0']);
          await Promise.all(vms.map(({ id }) => probe(id)));
        }),
    };
    progress('asking for their status');
    const seconds = await interleavedWhenWarm(ROUNDS, work);
    return {
      figures: [
        {
          what: '`buildfleet status` of ten stand-ins, two of them dead',
          value: seconds.status,
          unit: 's',
          peer: { what: 'an empty node, then ten ssh side by side', value: seconds.probes },
          limit: { plus: 1 },
        },
      ],
    };
  } finally {
    hub.child.kill('SIGTERM');
    hung.server.close();
    await Promise.all([hub.finished, ...machines.map((machine) => machine.stop())]);
    rmSync(directory, { recursive: true, force: true });
  }
};

/** Accepts connections and says nothing, as the tunnel of a VM that hangs does. */
async function silentListener(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, server };
}

function register(url: string, id: string, tunnelPort: number): Promise<unknown> {
  const hostName = `haskell-build-${id}`;
  return createHubClient({ url }).upsert({
    ...{ domain: CAPABILITY_DOMAIN, capability_type: BUILD_AGENT_TYPE, title: instanceTitle(hostName) },
    description: 'cpus=2 load=0.25 memory=1980MiB memory-free=1500MiB disk-free=20480MiB uptime=7300s builds=none',
    keywords: agentKeywords({ ghcVersions: ['9.6.6'], hostName, tunnelPort }),
  });
}
