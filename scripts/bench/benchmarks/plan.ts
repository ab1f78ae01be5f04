import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withFleet } from '../bench-fleet';
import type { BenchContext, Benchmark, Figure } from '../figure';
import { deploySmallVms } from '../small-vms';
import { parseState, requireNoChanges, TerraformDirectory } from '../terraform';
import { interleavedWhenWarm, secondsOf } from '../timing';

const SIZES = [1, 10, 100];
const ROUNDS = 5;
/** Fewer strings than a VM has arguments. */
const TRIGGERS = 12;

/** A plan with nothing to change against one of as many resources that Terraform serves itself. */
export const plan: Benchmark = async (context) => {
  const { figures, largest } = await plansOfVms(context);
  return { figures: [...figures, await planOfNothing(context, largest)] };
};

function plansOfVms(context: BenchContext): Promise<{ readonly figures: Figure[]; readonly largest: number }> {
  return withFleet(context, async (fleet) => {
    const figures: Figure[] = [];
    let largest = 0;
    for (const size of SIZES) {
      const vms = size === 1 ? '1 VM' : `${size} VMs`;
      context.progress(`making a fleet of ${vms}`);
      fleet.describeSmallVms(size);
      await fleet.synth();
      await fleet.terraform.init();
      await deploySmallVms(fleet, context.signal);
      const { resources } = parseState(fleet.project.state());
      largest = resources.length;
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
        const seconds = await interleavedWhenWarm(ROUNDS, work);
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
    return { figures, largest };
  });
}

/**
 * Cost of buildfleet's provider without objects to read: as many of its null resources, which refer to nothing and whose
 * state it only returns.
 */
function planOfNothing(context: BenchContext, count: number): Promise<Figure> {
  return withFleet(context, async (fleet) => {
    context.progress(`planning ${count} resources that nothing is read for`);
    fleet.describeSmallVms(1);
    await fleet.synth();
    fleet.declareInstead({
      null_resource: Object.fromEntries(
        Array.from({ length: count }, (_, index) => {
          const triggers = Array.from({ length: TRIGGERS }, (__, number) => [
            `trigger_${number}`,
            `${index}-${number}`,
          ]);
          return [`resource_${index}`, { provider: 'buildfleet', triggers: Object.fromEntries(triggers) as unknown }];
        }),
      ),
    });
    await fleet.terraform.init();
    await fleet.terraform.apply();
    return withBuiltinResources(count, fleet.project.environment(), context, async (builtin) => {
      const work = {
        plan: () => secondsOf(() => fleet.terraform.planNothing()),
        builtin: () => secondsOf(() => builtin.planNothing()),
      };
      const seconds = await interleavedWhenWarm(ROUNDS, work);
      return {
        what: `\`terraform plan\`, nothing to change, ${count} \`null_resource\` of ours with ${TRIGGERS} triggers`,
        value: seconds.plan,
        unit: 's',
        peer: { what: `${count} \`terraform_data\``, value: seconds.builtin },
      };
    });
  });
}

/** Runs the body with a directory whose built-in resources are all there. */
async function withBuiltinResources<T>(
  count: number,
  environment: Readonly<Record<string, string>>,
  { signal }: BenchContext,
  body: (terraform: TerraformDirectory) => Promise<T>,
): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'buildfleet-bench-'));
  try {
    const names = Array.from({ length: count }, (_, index) => `resource_${index}`);
    const resources = Object.fromEntries(names.map((name) => [name, { input: name }]));
    writeFileSync(join(path, 'main.tf.json'), JSON.stringify({ resource: { terraform_data: resources } }));
    const terraform = new TerraformDirectory(path, environment, signal);
    await terraform.init();
    await terraform.apply();
    return await body(terraform);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
