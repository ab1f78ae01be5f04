import { whileDrained } from '../../../../src/provider/resources/vm/drain';
import { type DrainedMachine, standInDrain } from './stand-in-drain';

// A provider that never comes to an end: says `drained` and is killed.
const machine = JSON.parse(process.argv[2] ?? '') as DrainedMachine;
const drain = { ...standInDrain(machine), timeoutSeconds: 60, signal: new AbortController().signal };
void whileDrained(drain, async () => {
  process.stdout.write('drained\n');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
