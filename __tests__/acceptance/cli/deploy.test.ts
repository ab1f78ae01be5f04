import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { EventDecoder } from '../../../src/cli/deploy/journal-follower';
import { deployResultSchema } from '../../../src/cli/deploy/result';
import type { JournalEvent } from '../../../src/model/journal';
import { run } from '../../../src/process/run';
import { FleetProject } from '../../support/fleet-project';
import { processesMatching } from '../../support/running-fleet';
import { describeWithTools } from '../../support/tools';

jest.setTimeout(240_000);

/** A fleet without VMs: services, keys and files of the workstation. */
const MAIN = (ports: FleetProject['ports'], more = '') => `
import { NullResource } from './constructs/private/cdktf';
import { Workstation } from './constructs/workstation';
import { FleetApp } from './stacks/fleet-app';
import { FleetStack } from './stacks/fleet-stack';
const app = new FleetApp(__dirname);
const fleet = new FleetStack(app, 'fleet');
const { sshd, hub, first, last } = ${JSON.stringify(ports)};
Workstation.embedded(fleet, 'workstation', { sshdPort: sshd, hubPort: hub, tunnelPorts: { first, last } });
const run = (id: string, command: string) => new NullResource(fleet, id, { provisioners: [{ type: 'local-exec', command }] });
void run;
${more}
app.synth();
`;

describeWithTools(['terraform', 'sshd', 'ssh-keygen', 'python3'], 'buildfleet deploy with the real cdktf', () => {
  const project = new FleetProject({ sshd: 19220, hub: 19200, first: 19221, last: 19230 });
  const { journal } = project.paths;
  const declare = (more = '') => {
    writeFileSync(join(project.directory, 'main.ts'), MAIN(project.ports, more));
  };
  const cli = (...args: string[]) => project.cli(args, { acceptExitCodes: [0, 1, 130] });
  const journals = () => (existsSync(journal) ? readdirSync(journal).filter((name) => name.endsWith('.jsonl')) : []);
  const eventsOf = (name: string) => new EventDecoder().take(readFileSync(join(journal, name), 'utf8'));
  const shown = (events: readonly JournalEvent[]) =>
    events.map((event) => [event.type.replace('buildfleet_', ''), event.event === 'step' ? event.step : event.event]);

  beforeAll(() => {
    declare();
  });

  afterAll(async () => {
    if (project.state() !== '') await project.cdktf('destroy');
    project.remove();
  });

  test('a port that is taken: the deploy fails with the whole error and a log', async () => {
    const squatter = createServer().listen(project.ports.hub, '127.0.0.1');
    try {
      const { exitCode, stderr, stdout } = await cli('deploy', '--yes');
      expect(exitCode).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^workstation: FAILED.*: 127\.0\.0\.1:19200: port 19200 is taken by /m);
      expect(stderr).toMatch(/^Error: 127\.0\.0\.1:19200: port 19200 is taken by /m);
      expect(stderr).toContain('give the Workstation in main.ts another');
      const [, log = ''] = /everything that was printed: (\S+)$/m.exec(stderr) ?? [];
      expect(dirname(log)).toBe(journal);
      expect(readFileSync(log, 'utf8')).toContain('Initializing the backend');
    } finally {
      squatter.close();
    }
  });

  test('in a terminal: the plan, a question, every object as it is made', async () => {
    const driver = join(__dirname, 'support/in-terminal.py');
    const program = join(project.directory, 'bin/buildfleet');
    const { stdout } = await run(
      'python3',
      ['-B', driver, '100', 'changes to fleet? [y/N] ', 'y', '--', program, 'deploy'],
      { cwd: project.directory, env: { ...project.environment({ NO_COLOR: '', TERM: 'xterm' }) } },
    );
    expect(stdout).toMatch(/Plan: \d+ to add, \d+ to change, \d+ to destroy\./);
    expect(stdout).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] workstation +waiting for sshd and hub to answer {2}\d+ s/);
    expect(stdout).toMatch(/\[32mworkstation: created/);
    expect(stdout).toMatch(/fleet: \d+ added, \d+ changed, \d+ destroyed in \d+ s\r\n$/);
  });

  test('a deploy and a diff without changes write no journal', async () => {
    const before = journals();
    expect((await cli('diff')).stdout).toMatch(/^No changes\. Your infrastructure matches the configuration\./);
    const { stdout, stderr } = await cli('deploy', '--yes', '--json');
    expect(stderr).toBe('');
    const [result, ...events] = stdout.trim().split('\n').reverse();
    expect(events).toEqual([]);
    expect(deployResultSchema.parse(JSON.parse(result ?? ''))).toMatchObject({
      ...{ exitCode: 0, planned: null, done: { add: 0, change: 0, destroy: 0 }, errors: [] },
    });
    expect(journals()).toEqual(before);
  });

  test('cdktf alone writes the same journal, one file a run', async () => {
    const before = journals();
    const hub = processesMatching((argv) => argv.join(' ').includes(`${project.paths.services}/hub.js`));
    expect(hub.length).toBeGreaterThan(0);
    declare("run('proof', 'echo proved');");
    const config = join(project.home, '.ssh/config');
    writeFileSync(config, readFileSync(config, 'utf8').replace('Include', '# Include'));
    await project.cdktf('deploy');
    const [name = '', ...others] = journals().filter((file) => !before.includes(file));
    expect(others).toEqual([]);
    expect(shown(eventsOf(name))).toEqual([
      ['managed_file', 'begin'],
      ['managed_file', 'end'],
    ]);
    expect(eventsOf(name)[0]).toMatchObject({ name: '~/.ssh/config', action: 'update' });
  });

  test('what a program of the fleet prints reaches the operator', async () => {
    declare("run('proof-again', 'echo proved twice');");
    const { stderr } = await cli('deploy', '--yes');
    expect(stderr).toMatch(/^proved twice$/m);
  });

  test('Ctrl-C: Terraform ends in order, and the next deploy finishes', async () => {
    declare("run('slow', 'echo the slow step begins; exec sleep 120');");
    const driver = join(__dirname, 'support/in-terminal.py');
    const program = join(project.directory, 'bin/buildfleet');
    const { stdout, exitCode } = await run(
      'python3',
      ['-B', driver, '100', 'the slow step begins', '^C', '--', program, 'deploy', '--yes'],
      { cwd: project.directory, env: project.environment({ TERM: 'xterm' }), acceptExitCodes: [130] },
    );
    expect(exitCode).toBe(130);
    expect(stdout).toContain('interrupted: Terraform and the provider end');
    expect(stdout).not.toContain('Two interrupts received');
    expect(processesMatching((argv) => argv.join(' ').includes(`${project.directory}/cdktf.out`))).toEqual([]);
    declare();
    expect((await cli('deploy', '--yes')).stderr).toMatch(/0 added, 0 changed, 1 destroyed/);
  });

  test('no private key is in journals and logs', () => {
    const secrets = [join(project.paths.services, 'ssh_host_ed25519_key'), join(project.home, '.ssh/id_build')];
    const written = readdirSync(journal).map((name) => readFileSync(join(journal, name), 'utf8'));
    for (const path of secrets) {
      const [, body = ''] = /KEY-----\n([\s\S]+)\n-----END/.exec(readFileSync(path, 'utf8')) ?? [];
      expect(body.length).toBeGreaterThan(100);
      for (const line of body.split('\n').slice(1)) expect(written.join()).not.toContain(line);
    }
  });

  test('a file in the way of the journal is no reason to fail', async () => {
    rmSync(journal, { recursive: true });
    writeFileSync(journal, 'in the way');
    declare("run('proof', 'true');");
    const config = join(project.home, '.ssh/config');
    writeFileSync(config, readFileSync(config, 'utf8').replace('Include', '# Include'));
    const { exitCode, stderr } = await cli('deploy', '--yes');
    expect(stderr).toMatch(/1 added, 1 changed, 0 destroyed/);
    expect(exitCode).toBe(0);
    rmSync(journal);
  });

  test('destroy takes everything away, the journals last', async () => {
    const { stderr, exitCode } = await cli('destroy', '--yes');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^workstation: removed/m);
    expect(stderr).toMatch(/^fleet: 0 added, 0 changed, \d+ destroyed in \d+ s$/m);
    expect(existsSync(join(project.home, '.local/state/buildfleet'))).toBe(false);
  });
});
