import { z } from 'zod';
import { createDriver } from '../../../drivers';
import type { WarmStartSubject } from '../../../drivers/driver';
import { hypervisorSchema, type Hypervisor } from '../../../model/hypervisor';
import { FleetPaths } from '../../../model/paths';
import { startDetached } from '../../../process/detached';
import { run } from '../../../process/run';
import { WARM_START_COMMAND } from './warm-start-command';

const jobSchema = z.object({
  hypervisor: hypervisorSchema,
  cacheDirectory: z.string(),
  subject: z.object({ imagePath: z.string(), imageHash: z.string(), cpus: z.number(), memoryMib: z.number() }),
});

/** Preparation of warm starts. Paths are absolute. */
export interface WarmStartJob {
  readonly hypervisor: Hypervisor;
  readonly cacheDirectory: string;
  readonly subject: WarmStartSubject;
}

/** Subjects that this process has started a job for: VMs of one kind come up side by side. */
const begun = new Set<string>();

/**
 * Prepares warm starts in a process of its own, which outlives the deploy and gets out of the way of everything else.
 * What becomes of it is in `warm-start.log` of the cache: without it, VMs are started cold.
 */
export async function prepareInBackground(job: WarmStartJob): Promise<void> {
  const argument = JSON.stringify(job);
  const program = process.argv[1];
  if (begun.has(argument) || program === undefined) return;
  begun.add(argument);
  await startDetached('nice', ['-n', '19', process.execPath, program, WARM_START_COMMAND, argument], {
    cwd: job.cacheDirectory,
    outputPath: `${job.cacheDirectory}/warm-start.log`,
  });
}

/** The work of that process. */
export async function runWarmStartJob(argument: string): Promise<void> {
  const { hypervisor, cacheDirectory, subject } = jobSchema.parse(JSON.parse(argument));
  // No VM is looked at, so no fleet's directory is needed.
  const driver = createDriver(hypervisor, { paths: new FleetPaths(cacheDirectory), cacheDirectory, run });
  const outcome = await driver.warmStart?.prepare(subject, new AbortController().signal);
  console.log(`${subject.imagePath}: ${outcome ?? 'no warm start'}`);
}
