import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withFleet } from '../bench-fleet';
import type { BenchContext, Benchmark, Figure } from '../figure';
import { deploySmallVms } from '../small-vms';
import { parseState, requireNoChanges, TerraformDirectory } from '../terraform';
import { interleaved, secondsOf } from '../timing';

const SIZES = [1, 10, 100];
const ROUNDS = 5;

/** A plan with nothing to change against one of as many resources that Terraform serves itself. */
export const plan: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    const figures: Figure[] = [];
    for (const size of SIZES) {
      const vms = size === 1 ? '1 VM' : `${size} VMs`;
      context.progress(`making a fleet of ${vms}`);
      fleet.describeSmallVms(size);
      await fleet.synth();
      await fleet.terraform.init();
      await deploySmallVms(fleet, context.signal);
      const { resources } = parseState(fleet.project.state());
      const environment = fleet.project.environment();
      await withBuiltinResources(resources.length, environment, context, async (builtin) => {
        const diff = async (): Promise<void> => {
          requireNoChanges((await fleet.project.cdktf('diff', { signal: context.signal })).stdout);
        };
        const work = {
          plan: () => secondsOf(() => fleet.terraform.planNothing()),
          builtin: () => secondsOf(() => builtin.planNothing()),
          diff: () => secondsOf(diff),
        };
        context.progress(`planning ${vms}`);
        // The first run of each fills caches that the operator's have, too.
        await interleaved(1, work);
        const seconds = await interleaved(ROUNDS, work);
        figures.push(
          {
            what: `\`terraform plan\`, nothing to change, ${vms} (${resources.length} resources)`,
            value: seconds.plan,
            unit: 's',
            peer: { what: `${resources.length} \`terraform_data\``, value: seconds.builtin },
            limit: { factor: 1.5, plus: 0.6 },
          },
          {
            what: `\`cdktf diff fleet\`, ${vms}`,
            value: seconds.diff,
            unit: 's',
            peer: { what: 'the plan alone', value: seconds.plan },
          },
        );
      });
    }
    return { figures };
  });

/** Runs the body with a directory whose built-in resources are all there. */
async function withBuiltinResources(
  count: number,
  environment: Readonly<Record<string, string>>,
  { signal }: BenchContext,
  body: (terraform: TerraformDirectory) => Promise<void>,
): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
  try {
    const names = Array.from({ length: count }, (_, index) => `resource_${index}`);
    const resources = Object.fromEntries(names.map((name) => [name, { input: name }]));
    writeFileSync(join(path, 'main.tf.json'), JSON.stringify({ resource: { terraform_data: resources } }));
    const terraform = new TerraformDirectory(path, environment, signal);
    await terraform.init();
    await terraform.apply();
    await body(terraform);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
