import { join } from 'node:path';
import { BuildVm } from '../../../constructs/build-vm';
import { run } from '../../../src/process/run';
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
