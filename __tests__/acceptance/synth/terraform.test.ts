import { join } from 'node:path';
import { Construct } from 'constructs';
import { BuildVm } from '../../../constructs/build-vm';
import { run } from '../../../src/process/run';
import { temporaryDirectory } from '../../support/temporary-directory';
import { TestFleet } from '../../support/test-fleet';
import { describeWithTools } from '../../support/tools';

const MINUTE = 60_000;

describeWithTools(['terraform'], 'what synth writes, as Terraform reads it', () => {
  let directory: string;
  const terraform = (...args: string[]): ReturnType<typeof run> =>
    run('terraform', args, { cwd: directory, env: { CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' } });

  beforeAll(() => {
    const fleet = new TestFleet();
    for (const id of ['alpha', 'beta']) new BuildVm(fleet.stack, id, fleet.standard);
    fleet.app.synthesize();
    directory = join(fleet.directory, 'cdktf.out/stacks/fleet');
  }, MINUTE);

  test(
    'init needs nothing but the directory, and every resource is valid',
    async () => {
      await terraform('init', '-input=false', '-lockfile=readonly');
      const { stdout } = await terraform('validate', '-json');
      expect(JSON.parse(stdout)).toMatchObject({ valid: true, diagnostics: [] });
    },
    MINUTE,
  );
});

describeWithTools(['terraform', 'ssh-keygen'], 'a VM whose construct moves in the tree, as Terraform plans it', () => {
  const fleetDirectory = temporaryDirectory();
  const directory = join(fleetDirectory, 'cdktf.out/stacks/fleet');
  const synthesize = (groups: readonly string[] = [], outdir?: string): void => {
    const fleet = new TestFleet({
      directory: fleetDirectory,
      ...(outdir === undefined ? {} : { outdir }),
      stack: { stateDirectory: join(fleetDirectory, 'state') },
    });
    const scope = groups.reduce((parent: Construct, group) => new Construct(parent, group), fleet.stack);
    new BuildVm(scope, 'beta', fleet.standard);
    fleet.app.synthesize();
  };
  const terraform = async (...args: string[]): Promise<string> => terraformIn(directory, ...args);
  const terraformIn = async (cwd: string, ...args: string[]): Promise<string> => {
    const env = { CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', TF_CLI_CONFIG_FILE: '/dev/null' };
    return (await run('terraform', args, { cwd, env })).stdout.replace(/\s+/g, ' ');
  };
  const keys = ['-no-color', '-target=buildfleet_identity.beta_identity'];

  test(
    'its keys stay, also those that an earlier version had under the place in the tree',
    async () => {
      synthesize();
      await terraform('init', '-input=false');
      await terraform('apply', '-auto-approve', ...keys);
      synthesize(['team']);
      expect(await terraform('plan', ...keys)).toContain('No changes.');

      await terraform('state', 'mv', 'buildfleet_identity.beta_identity', 'buildfleet_identity.team_beta_identity');
      const plan = await terraform('plan', ...keys, '-target=buildfleet_identity.team_beta_identity');
      expect(plan).toContain('buildfleet_identity.team_beta_identity has moved to buildfleet_identity.beta_identity');
      expect(plan).toContain('Plan: 0 to add, 0 to change, 0 to destroy.');
      await terraform('apply', '-auto-approve', ...keys, '-target=buildfleet_identity.team_beta_identity');
    },
    MINUTE,
  );

  test(
    'and an output in another directory plans from the same state',
    async () => {
      const outdir = join(temporaryDirectory(), 'an output');
      synthesize([], outdir);
      const elsewhere = join(outdir, 'stacks/fleet');
      await terraformIn(elsewhere, 'init', '-input=false');
      expect(await terraformIn(elsewhere, 'plan', ...keys)).toContain('No changes.');
    },
    MINUTE,
  );
});
