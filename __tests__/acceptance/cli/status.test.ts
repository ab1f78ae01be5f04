import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { loadFleet } from '../../../src/cli/fleet-file';
import { collectStatus } from '../../../src/cli/status/collect';
import { renderStatus } from '../../../src/cli/status/render';
import { listeningSchema } from '../../../src/cli/hub/report';
import { statusReportSchema, type VmStatus } from '../../../src/cli/status/report';
import { createHubClient } from '../../../src/hub/client';
import { BUILD_AGENT_TYPE, CAPABILITY_DOMAIN, instanceTitle, typeEntry } from '../../../src/model/capability';
import { run } from '../../../src/process/run';
import { agentKeywords } from '../../support/agent-keywords';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { buildfleet, BuildfleetProcess } from '../../support/buildfleet';
import { freePort, StandInMachine, writeStandInFleet } from '../../support/stand-in-machine';
import { temporaryDirectory } from '../../support/temporary-directory';

jest.setTimeout(60_000);

/** A listener that is no sshd; with a greeting it says that, else nothing at all. */
async function listenerStandIn(greeting: string): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    if (greeting !== '') socket.write(greeting);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as { port: number }).port, server };
}

describeWithTools(['sshd', 'ssh', 'ssh-keygen'], 'buildfleet status with a real sshd and a real hub', () => {
  let directory: string;
  let machine: StandInMachine;
  let other: StandInMachine;
  let hub: BuildfleetProcess;
  let hubUrl: string;
  let fleet: string;
  const servers: Server[] = [];

  const register = (id: string, port: number) =>
    createHubClient({ url: hubUrl }).upsert({
      domain: CAPABILITY_DOMAIN,
      capability_type: BUILD_AGENT_TYPE,
      title: instanceTitle(`haskell-build-${id}`),
      description: 'cpus=2 load=0.25 memory=1980MiB memory-free=1500MiB disk-free=20480MiB uptime=7300s builds=app-1f',
      keywords: agentKeywords({
        ghcVersions: ['9.6.6', '9.8.4'],
        hostName: `haskell-build-${id}`,
        tunnelPort: port,
      }),
    });

  /** The fleet as it would be seen if the hypervisor said that every machine runs. */
  const statusOfRunning = async (): Promise<ReadonlyMap<string, VmStatus>> => {
    const powerReader = {
      inspect: () => Promise.resolve({ power: 'running' as const, imageHash: 'none', imagePath: fleet }),
      consoleLog: () => 'console.log',
    };
    const report = await collectStatus(loadFleet(fleet, directory), {
      run,
      powerReader,
      signal: new AbortController().signal,
    });
    expect(statusReportSchema.parse(report)).toEqual(report);
    return new Map(report.vms.map((vm) => [vm.id, vm]));
  };

  beforeAll(async () => {
    directory = temporaryDirectory();
    machine = await StandInMachine.create(join(directory, 'machine'));
    other = await StandInMachine.create(join(directory, 'other'));
    hub = new BuildfleetProcess(['hub', '--port', '0', '--database', join(directory, 'hub.sqlite'), '--json']);
    hubUrl = await until('the hub listens', 20, () => {
      const line = hub.output.toString();
      return line.endsWith('\n') && listeningSchema.parse(JSON.parse(line)).url;
    });
    const [silent, web] = [await listenerStandIn(''), await listenerStandIn('HTTP/1.1 400 Bad Request\r\n\r\n')];
    const busy = await listenerStandIn('SSH-2.0-OpenSSH_9.2p1\r\n');
    servers.push(silent.server, web.server, busy.server);
    fleet = writeStandInFleet(join(directory, 'state'), machine.userKey, hubUrl, [
      { id: 'alpha', port: machine.port, hostKey: machine.hostKey },
      { id: 'impostor', port: other.port, hostKey: machine.hostKey },
      { id: 'closed', port: await freePort(), hostKey: machine.hostKey },
      { id: 'silent', port: silent.port, hostKey: machine.hostKey },
      { id: 'web', port: web.port, hostKey: machine.hostKey },
      { id: 'unregistered', port: machine.port, hostKey: machine.hostKey },
      { id: 'moved', port: machine.port, hostKey: machine.hostKey },
      { id: 'hung', port: silent.port, hostKey: machine.hostKey },
      { id: 'busy', port: busy.port, hostKey: machine.hostKey },
    ]);
    await createHubClient({ url: hubUrl }).upsert(typeEntry());
    await register('alpha', machine.port);
    await register('moved', machine.port + 1);
    await register('hung', silent.port);
  });

  afterAll(async () => {
    for (const server of servers) server.close();
    hub.child.kill('SIGTERM');
    await Promise.all([machine.stop(), other.stop(), hub.finished]);
  });

  test('finds out for each VM what keeps it from being used', async () => {
    const vms = await statusOfRunning();
    const seen = [...vms].map(([id, vm]) => [id, vm.tunnel.state, vm.hubEntry.state, vm.usable]);
    expect(seen).toEqual([
      ['alpha', 'up', 'fresh', true],
      ['impostor', 'wrong-host-key', 'missing', false],
      ['closed', 'closed', 'missing', false],
      ['silent', 'silent', 'missing', false],
      ['web', 'not-ssh', 'missing', false],
      ['unregistered', 'up', 'missing', false],
      ['moved', 'up', 'wrong-port', false],
      // One has sent a heartbeat a moment ago, the other says at least what it is.
      ['hung', 'slow', 'fresh', true],
      ['busy', 'slow', 'missing', false],
    ]);
    expect(vms.get('alpha')).toMatchObject({
      problem: null,
      login: 'ssh alpha',
      hubEntry: { ghcVersions: ['9.6.6', '9.8.4'] },
      facts: { cpus: 2, load: 0.25, memoryFreeMib: 1500, diskFreeMib: 20480, builds: ['app-1f'] },
      image: { state: 'current', ageDays: 0 },
    });
    expect(vms.get('hung')?.notes[0]?.reason).toMatch(
      /^the VM is slow: no answer in 0\.4 s; its last heartbeat is \d+ s old$/,
    );
    expect(vms.get('unregistered')?.facts.load).toBeNull();
    expect(vms.get('impostor')?.problem?.reason).toMatch(
      /sshd:? \(pid \d+, user .*\), answers with another host key than the pinned one/,
    );
    expect(vms.get('web')?.problem?.reason).toMatch(/answers, but not as an sshd/);
    for (const vm of vms.values()) expect(vm.problem === null).toBe(vm.usable);
  });

  test('prints the documented document', async () => {
    const { stdout, exitCode } = await buildfleet(['status', '--json', '--fleet', fleet]);
    const report = statusReportSchema.parse(JSON.parse(stdout.toString()));
    expect(report.hub).toEqual({ url: hubUrl, reachable: true, detail: '' });
    // No hypervisor has ever heard of the stand-ins.
    expect(report.vms.map((vm) => vm.power.state)).toEqual(report.vms.map(() => 'missing'));
    expect(exitCode).toBe(4);
  });

  test('prints a line for each VM and a sentence for each that cannot be used', async () => {
    const { stdout } = await buildfleet(['status'], { env: { BUILDFLEET_FLEET: fleet } });
    const lines = stdout.toString().split('\n');
    expect(lines[0]).toMatch(
      /^VM +POWER +TUNNEL +HUB ENTRY +GHC +LOAD +BUILDS +FREE MEM +FREE DISK +UP +IMAGE +LOG IN$/,
    );
    expect(lines[1]).toMatch(
      /^alpha +missing +up :\d+ +fresh \d+ s +9\.6\.6, 9\.8\.4 +0\.25\/2 +1 +1\.5 GiB +20\.0 GiB +2 h$/,
    );
    expect(stdout.toString()).toContain('closed: the VM does not exist: run `cdktf deploy stand-in`, which creates it');
    expect(stdout.toString()).not.toContain('\u001b');
  });

  test('shows how to log in to what can be used', async () => {
    const alpha = (await statusOfRunning()).get('alpha');
    if (alpha === undefined) throw new Error('alpha is not in the report');
    const text = renderStatus(
      { formatVersion: 1, fleet: 'x', fleetFile: 'x', hub: { url: '', reachable: true, detail: '' }, vms: [alpha] },
      false,
    );
    expect(text).toMatch(/running +up :\d+ +fresh \d+ s .* current +ssh alpha$/);
  });

  test('survives a hub that is down and says so', async () => {
    const lonely = writeStandInFleet(
      join(directory, 'lonely'),
      machine.userKey,
      `http://127.0.0.1:${await freePort()}`,
      [{ id: 'alpha', port: machine.port, hostKey: machine.hostKey }],
    );
    const { stdout, exitCode } = await buildfleet(['status', '--json', '--fleet', lonely]);
    const report = statusReportSchema.parse(JSON.parse(stdout.toString()));
    expect(report.hub.reachable).toBe(false);
    expect(report.vms[0]).toMatchObject({ tunnel: { state: 'up' }, hubEntry: { state: 'hub-down' } });
    expect(exitCode).toBe(4);
  });

  test('--watch writes a line when something has changed, and Ctrl-C ends it well', async () => {
    const watching = new BuildfleetProcess(['status', '--watch', '0.1', '--json', '--fleet', fleet]);
    const lines = () => watching.output.toString().split('\n').slice(0, -1);
    const alpha = (line: string | undefined) =>
      statusReportSchema.parse(JSON.parse(line ?? '')).vms.find(({ id }) => id === 'alpha')?.tunnel.state;
    await until('the first look', 20, () => lines().length > 0);
    expect(alpha(lines()[0])).toBe('up');
    await machine.stop();
    await until('the tunnel is seen to close', 20, () => lines().some((line) => alpha(line) === 'closed'));
    await machine.start();
    await until('the tunnel is seen to open', 20, () => alpha(lines().at(-1)) === 'up');
    watching.child.kill('SIGINT');
    const { exitCode, stderr } = await watching.finished;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('a listener that comes back is seen again', async () => {
    await machine.stop();
    expect((await statusOfRunning()).get('alpha')?.tunnel.state).toBe('closed');
    await machine.start();
    expect((await statusOfRunning()).get('alpha')?.tunnel.state).toBe('up');
  });
});
