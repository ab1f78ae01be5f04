import { existsSync, readFileSync, readdirSync, readlinkSync as readlink, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeWithTools } from '../../support/tools';
import { until } from '../../support/until';
import { TerraformProject } from './support/terraform-project';

jest.setTimeout(120_000);

const ADDRESS = 'buildfleet_fake_thing';

describeWithTools(['terraform'], 'a resource under the real Terraform', () => {
  let project: TerraformProject;
  beforeEach(async () => {
    project = new TerraformProject();
    project.serveFakeProvider();
    project.configureThings({});
    await project.terraform(['init', '-lockfile=readonly']);
  });

  test('is created, left alone, updated in place, replaced and destroyed', async () => {
    project.configureThings({ alpha: { forwards: [{ host_port: 2222 }], labels: { Rack: 'a_b' } } });
    await project.apply();
    expect(project.thing('alpha')).toEqual({
      name: 'alpha',
      size: 1,
      note: null,
      secret: null,
      forwards: [{ hostPort: 2222 }],
      labels: { Rack: 'a_b' },
      power: 'running',
      path: join(project.things, 'alpha.json'),
      revision: 1,
    });
    expect((await project.plan()).exitCode).toBe(0);

    project.configureThings({ alpha: { size: 4, forwards: [{ host_port: 2222 }], labels: { Rack: 'a_b' } } });
    const update = await project.plan();
    expect(update.text).toContain('will be updated in-place');
    expect(update.text).toMatch(/size = 1 -> 4/);
    expect(update.text).toMatch(/revision = 1 -> \(known after apply\)/);
    // stable: an update never changes it
    expect(update.text).not.toMatch(/path = /);
    await project.apply();
    expect(project.thing('alpha')).toMatchObject({ size: 4, revision: 2 });

    project.configureThings({ alpha: { name: 'beta' } });
    const replacement = await project.plan();
    expect(replacement.text).toContain('must be replaced');
    expect(replacement.text).toMatch(/name = "alpha" -> "beta" # forces replacement/);
    await project.apply();
    expect(readdirSync(project.things)).toEqual(['beta.json']);

    await project.terraform(['destroy', '-auto-approve']);
    expect(readdirSync(project.things)).toEqual([]);
  });

  test('drift is shown and healed, and nothing else with it', async () => {
    project.configureThings({ alpha: {}, beta: {} });
    await project.apply();
    project.changeThing('alpha', { power: 'stopped' });
    const plan = await project.plan();
    expect(plan.text).toMatch(/power = "stopped" -> "running"/);
    expect(plan.text).toContain('Plan: 0 to add, 1 to change, 0 to destroy');
    expect(plan.text).not.toContain('known after apply');
    await project.apply();
    expect(project.thing('alpha')).toMatchObject({ power: 'running' });

    rmSync(join(project.things, 'beta.json'));
    expect((await project.plan()).text).toContain('Plan: 1 to add, 0 to change, 0 to destroy');
  });

  test('a change made behind its back is undone', async () => {
    project.configureThings({ alpha: { size: 2 } });
    await project.apply();
    project.changeThing('alpha', { size: 9 });
    expect((await project.plan()).text).toMatch(/size = 9 -> 2/);
  });

  test('an existing one is imported', async () => {
    project.configureThings({ alpha: { size: 3 } });
    await project.apply();
    await project.terraform(['state', 'rm', `${ADDRESS}.alpha`]);
    await project.terraform(['import', `${ADDRESS}.alpha`, 'alpha']);
    expect((await project.plan()).exitCode).toBe(0);
  });

  test('a state of an earlier version is upgraded: members renamed, added and dropped, and no change planned', async () => {
    project.configureThings({ alpha: { size: 3 } });
    await project.apply();
    project.rewriteState(({ attributes: { size, ...rest }, ...instance }) => ({
      ...instance,
      schema_version: 0,
      attributes: { ...rest, amount: size, revision: undefined, retired: { since: [1] } },
    }));
    const plan = await project.plan();
    expect([plan.exitCode, plan.text]).toEqual([0, expect.stringContaining('No changes.')]);

    project.configureThings({ alpha: { size: 4 } });
    expect((await project.plan()).text).toMatch(/size = 3 -> 4/);
    await project.apply();
    expect(project.schemaVersions()).toEqual([1]);
    expect(project.thing('alpha')).toMatchObject({ size: 4, revision: 2 });
  });

  test('a state of version 0 that has the shape of today, as from before there were versions, plans no change', async () => {
    project.configureThings({ alpha: { size: 3 } });
    await project.apply();
    project.rewriteState((instance) => ({ ...instance, schema_version: 0 }));
    expect((await project.plan()).exitCode).toBe(0);
  });

  test('a state that is not of its version, or of a newer one, is refused', async () => {
    project.configureThings({ alpha: {} });
    await project.apply();
    project.rewriteState((instance) => ({ ...instance, schema_version: 0, attributes: { amount: 'big' } }));
    expect((await project.plan()).text).toMatch(
      /buildfleet_fake_thing: the state does not fit its schema version 0: amount: invalid input.*restore the state/i,
    );
    // Terraform does not even ask the provider
    project.rewriteState((instance) => ({ ...instance, schema_version: 2 }));
    const newer = await project.plan();
    expect(newer.exitCode).toBe(1);
    expect(newer.text).toContain('managed by newer provider version');
  });

  test('what a failed creation made is kept in the state, tainted, and replaced by the next apply', async () => {
    project.configureThings({ half: { size: 7 } });
    const failed = await project.apply();
    expect(failed).toContain('Error: size: only half of it could be made');
    expect(failed).toContain('Received 7. Try a smaller one.');
    const entry = (await project.state())[`${ADDRESS}.half`];
    expect(entry).toMatchObject({ tainted: true, values: { path: join(project.things, 'half.json') } });

    project.configureThings({ half: { name: 'whole' } });
    await project.apply();
    expect(readdirSync(project.things)).toEqual(['whole.json']);
  });

  test('an unexpected error is called a defect, with its stack in the log', async () => {
    project.configureThings({ defect: {} });
    const log = join(project.root, 'log');
    const text = await project.apply({ env: { TF_LOG_PROVIDER: 'debug', TF_LOG_PATH: log } });
    expect(text).toContain('Error: defect in the provider while creating buildfleet_fake_thing');
    expect(text).toContain('undefined is not a function');
    expect(readFileSync(log, 'utf8')).toMatch(/TypeError: undefined is not a function.*fake-provider|main\.js/s);
  });

  test('a warning is shown beside the success', async () => {
    project.configureThings({ loud: {} });
    expect(await project.apply()).toMatch(/Warning: it is loud.*Nothing to be done\./);
  });

  test('a value that breaks a rule is refused before anything is made, with its place', async () => {
    project.configureThings({ alpha: { name: 'Al pha', size: 0, forwards: [{ host_port: 2222 }, { host_port: 22 }] } });
    const plan = await project.plan();
    expect(plan.exitCode).toBe(1);
    expect(plan.text).toContain('name: must be lowercase letters');
    expect(plan.text).toContain('Received "Al pha".');
    expect(plan.text).toContain('size: too small');
    expect(plan.text).toContain('forwards[1].host_port: too small');
    expect(plan.text).toContain('Received 22.');
    expect(plan.text).toContain('with buildfleet_fake_thing.alpha');
  });

  test('a value that becomes known while applying is still checked before it is used', async () => {
    project.configure(
      {
        terraform_data: { source: { input: 'NOT-A-NAME' } },
        buildfleet_fake_thing: { alpha: { name: '${terraform_data.source.output}' } },
      },
      { state_directory: project.things },
    );
    expect((await project.plan()).exitCode).toBe(2);
    expect(await project.apply()).toContain('name: must be lowercase letters');
    expect(readdirSync(project.things)).toEqual([]);
  });

  test('a wrong provider block is refused', async () => {
    project.configure({ buildfleet_fake_thing: { alpha: { name: 'alpha' } } }, { state_directory: 'relative' });
    expect((await project.plan()).text).toContain('state_directory: invalid string');
  });

  test('a sensitive value appears neither in the plan nor in the log', async () => {
    const log = join(project.root, 'log');
    project.configureThings({ alpha: { secret: 'hunter2' } });
    expect((await project.plan()).text).toMatch(/secret = \(sensitive value\)/);
    const text = await project.apply({ env: { TF_LOG_PROVIDER: 'trace', TF_LOG_PATH: log } });
    expect(text).not.toContain('hunter2');
    expect(readFileSync(log, 'utf8')).not.toContain('hunter2');
    project.configureThings({ alpha: { secret: 'abc' } });
    const { text: refusal } = await project.plan();
    expect(refusal).toContain('secret: too small');
    expect(refusal).not.toContain('Received');
  });

  test('log lines carry the resource type and the command', async () => {
    const log = join(project.root, 'log');
    project.configureThings({ alpha: {} });
    await project.apply({ env: { TF_LOG_PROVIDER: 'debug', TF_LOG_PATH: log } });
    const line = readFileSync(log, 'utf8')
      .split('\n')
      .find((text) => text.includes('fake-tool'));
    expect(line).toMatch(/\[DEBUG\].*: command: .*argv=\["?fake-tool"?,? "?create"?,? "?alpha"?\]/);
    expect(line).toContain('tf_resource_type=buildfleet_fake_thing');
  });

  test('Ctrl-C reaches the handler, and no provider is left behind', async () => {
    project.configureThings({ slow: {} });
    const interrupt = new AbortController();
    const applying = project.apply({ signal: interrupt.signal }).catch((error: unknown) => String(error));
    await until('creation starts', 30, () => existsSync(join(project.things, 'started')));
    const { children } = await runningBelow(process.pid, project.directory);
    expect(children.length).toBeGreaterThan(0);
    process.kill(children[0]!, 'SIGINT');
    const text = await applying;
    expect(text).toContain('interrupted while creating buildfleet_fake_thing');
    expect(existsSync(join(project.things, 'cancelled'))).toBe(true);
    await until('no process', 10, async () => (await runningBelow(1, project.directory)).all.length === 0);
  });

  test('the provider ends when Terraform is killed', async () => {
    project.configureThings({ slow: {} });
    const applying = project.apply().catch((error: unknown) => String(error));
    await until('creation starts', 30, () => existsSync(join(project.things, 'started')));
    const { children } = await runningBelow(process.pid, project.directory);
    process.kill(children[0]!, 'SIGKILL');
    await applying;
    await until('the handler is told', 10, () => existsSync(join(project.things, 'cancelled')));
    await until('no process', 10, async () => (await runningBelow(1, project.directory)).all.length === 0);
  });
});

/** Processes that work in the directory, and those of them whose parent is given. */
function runningBelow(parent: number, directory: string): Promise<{ all: number[]; children: number[] }> {
  const all: number[] = [];
  const children: number[] = [];
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlink(`/proc/${entry}/cwd`) !== directory) continue;
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z') continue;
      all.push(Number(entry));
      if (Number(ppid) === parent) children.push(Number(entry));
    } catch {
      // ended in the meantime
    }
  }
  return Promise.resolve({ all, children });
}
