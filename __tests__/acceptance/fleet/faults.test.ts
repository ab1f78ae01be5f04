import { createServer, type Server } from 'node:net';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { QEMU_FILES } from '../../../src/drivers/qemu/arguments';
import { withQmp } from '../../../src/drivers/qemu/qmp';
import { createHubClient } from '../../../src/hub/client';
import { CommandError } from '../../../src/process/run';
import { FleetProject, withOneCpu } from '../../support/fleet-project';
import { processesMatching, RunningFleet } from '../../support/running-fleet';
import type { RunningCommand } from '../../support/running-command';
import { describeWithTools, findProgram } from '../../support/tools';
import { until } from '../../support/until';

const DEPLOY = 15 * 60 * 1000;

describeWithTools(['terraform', 'qemu-system-x86_64', 'mmdebstrap', 'sshd'], 'a deploy that goes wrong', () => {
  const project = new FleetProject({ sshd: 16220, hub: 16200, first: 16221, last: 16230 });
  const fleet = new RunningFleet(project);

  beforeAll(() => {
    project.editMain(withOneCpu);
    project.editMain((text) => text.replace(/^.*new BuildVm\(\w+, 'beta'.*\n/m, ''));
  });

  afterAll(async () => {
    await project.cdktf('destroy', { acceptExitCodes: [0, 1] });
    project.remove();
  }, 180_000);

  test(
    'names the process that has the port of the private sshd',
    async () => {
      const squatter = await listenOn(project.ports.sshd);
      try {
        const output = await failingDeploy(project);

        expect(output).toContain(`pid ${process.pid}`);
        expect(output).toContain(String(project.ports.sshd));
      } finally {
        squatter.close();
      }
    },
    DEPLOY,
  );

  test(
    'says how to get QEMU where it is missing',
    async () => {
      const output = await failingDeploy(project, { PATH: pathWithout(project, 'qemu-system-x86_64') });

      expect(output).toContain('qemu is not installed');
      expect(output).toContain('apt-get install qemu-system-x86');
      expect(qemuProcesses(project)).toEqual([]);
    },
    DEPLOY,
  );

  test(
    'is finished by the next deploy after Ctrl-C while the VM boots',
    async () => {
      const registry = readFileSync(join(project.directory, 'port-registry.yml'), 'utf8');
      const deploy = project.start('deploy');
      await untilQemuRuns(project, deploy);
      const key = hostKey(project);

      deploy.signalGroup('SIGINT');
      await deploy.end();
      await project.cdktf('deploy');

      await fleet.untilUsable('alpha', 120);
      expect(qemuProcesses(project)).toHaveLength(1);
      expect(hostKey(project)).toBe(key);
      expect(await fleet.hubEntries('alpha')).toHaveLength(1);
      expect(readFileSync(join(project.directory, 'port-registry.yml'), 'utf8')).toBe(registry);
    },
    DEPLOY,
  );

  test(
    'is finished by the next deploy after kill -9 of cdktf, Terraform and the provider',
    async () => {
      await project.cdktf('destroy');
      const deploy = project.start('deploy');
      await untilQemuRuns(project, deploy);
      const key = hostKey(project);

      deploy.signalGroup('SIGKILL');
      await deploy.end();
      await until('Terraform has ended', 30, () => fleet.deployProcesses().length === 0);
      await project.cdktf('deploy');

      await fleet.untilUsable('alpha', 120);
      expect(qemuProcesses(project)).toHaveLength(1);
      expect(hostKey(project)).toBe(key);
      expect(await fleet.hubEntries('alpha')).toHaveLength(1);
    },
    DEPLOY,
  );

  test(
    'heals dead services without a restart of the VM',
    async () => {
      const qemu = qemuProcesses(project);
      const services = processesMatching((argv) => argv.some((word) => word.includes(project.paths.services)));
      expect(services.length).toBeGreaterThanOrEqual(3);
      for (const pid of services) process.kill(pid, 'SIGKILL');

      const plan = await project.cdktf('diff');

      expect(plan.stdout).toMatch(/sshd\s+= "dead" -> "running"/);
      expect(plan.stdout).toMatch(/hub\s+= "dead" -> "running"/);
      expect(plan.stdout).toContain('0 to add, 1 to change, 0 to destroy');

      await project.cdktf('deploy');
      await fleet.untilUsable('alpha', 60);
      expect(qemuProcesses(project)).toEqual(qemu);
      expect(await fleet.hubEntries('alpha')).toHaveLength(1);
    },
    DEPLOY,
  );

  test(
    'starts a VM again whose tunnel stays closed',
    async () => {
      await project.cdktf('deploy');
      const qemu = qemuProcesses(project);
      const key = hostKey(project);
      await withQmp(project.paths.vm('haskell-build-alpha'), QEMU_FILES.control, { timeoutMs: 10_000 }, (qmp) =>
        qmp.execute('set_link', { name: 'net', up: false }),
      );
      await until('the end of the tunnel', 60, async () => !(await fleet.listening(project.ports.first)));
      // As when it has been silent for long.
      const hub = createHubClient({ url: `http://127.0.0.1:${project.ports.hub}`, services: project.paths.services });
      for (const { id } of await fleet.hubEntries('alpha')) await hub.remove(id);

      const plan = await project.cdktf('diff');

      expect(plan.stdout).toMatch(/problem\s+= "its tunnel is closed, and the State Hub has no entry of the VM" -> /);
      expect(plan.stdout).toContain('0 to add, 1 to change, 0 to destroy');

      await project.cdktf('deploy');
      await fleet.untilUsable('alpha', 60);
      expect(qemuProcesses(project)).not.toEqual(qemu);
      expect(hostKey(project)).toBe(key);
      expect((await project.cdktf('diff')).stdout).toContain('No changes');
    },
    DEPLOY,
  );
});

/** Deploys, expects a failure, and answers what was printed. */
async function failingDeploy(project: FleetProject, env: Record<string, string> = {}): Promise<string> {
  const failure = await project.cdktf('deploy', { env }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(CommandError);
  const { stdout, stderr } = failure as CommandError;
  return `${stdout}\n${stderr}`.replace(/\s*\n[\s│]*/g, ' ');
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function qemuProcesses(project: FleetProject): readonly number[] {
  return processesMatching(
    (argv) => argv[0]?.includes('qemu-system') === true && argv.join(' ').includes(project.paths.stateDirectory),
  );
}

/** Waits until the deploy has started QEMU; a deploy that ends before is shown. */
async function untilQemuRuns(project: FleetProject, deploy: RunningCommand): Promise<void> {
  let ended = false;
  void deploy.end().then(() => {
    ended = true;
  });
  await until('QEMU runs', 600, () => {
    if (ended) throw new Error(`the deploy ended early:\n${deploy.output}`);
    return qemuProcesses(project).length > 0;
  });
}

function hostKey(project: FleetProject): string {
  return readFileSync(project.paths.identity('haskell-build-alpha').hostKey, 'utf8');
}

/** A search path with every program of this one but the named one. */
function pathWithout(project: FleetProject, missing: string): string {
  const own = join(project.home, 'programs');
  mkdirSync(own);
  const wanted = [
    'node',
    'terraform',
    'bash',
    'sh',
    'env',
    'ssh',
    'ssh-keygen',
    'sshd',
    'mmdebstrap',
    'qemu-img',
    'xorriso',
  ];
  for (const name of wanted) {
    const path = findProgram(name);
    if (path !== null && name !== missing) symlinkSync(path, join(own, name));
  }
  return own;
}
