import { withFleet } from '../bench-fleet';
import type { Benchmark } from '../figure';
import { interleavedWhenWarm, secondsOf } from '../timing';

const ROUNDS = 5;

/** Time until Terraform's input is written. */
export const synth: Benchmark = (context) =>
  withFleet(context, async (fleet) => {
    context.progress('synthesizing 100 VMs');
    fleet.describeSmallVms(100);
    const work = {
      app: () => secondsOf(() => fleet.synth()),
      cdktf: () => secondsOf(() => fleet.project.cdktf('synth', { signal: context.signal })),
    };
    const { app, cdktf } = await interleavedWhenWarm(ROUNDS, work);
    return {
      figures: [
        { what: 'synth of 100 VMs', value: app, unit: 's', limit: { plus: 3 } },
        { what: '`cdktf synth` of 100 VMs', value: cdktf, unit: 's', peer: { what: 'the program alone', value: app } },
      ],
    };
  });
