import { z } from 'zod';
import type { CommandResult, RunOptions } from '../../src/process/run';
import { run } from '../../src/process/run';

/** The program that the cdktf command would run, too. */
export const TERRAFORM = process.env['TERRAFORM_BINARY_NAME'] ?? 'terraform';

const stateSchema = z.looseObject({
  serial: z.number(),
  resources: z.array(
    z.looseObject({
      type: z.string(),
      name: z.string(),
      instances: z.array(z.looseObject({ attributes: z.unknown() })),
    }),
  ),
});

/** A state file of format 4, as far as it is looked into. */
export type TerraformState = z.infer<typeof stateSchema>;

export function parseState(text: string): TerraformState {
  return stateSchema.parse(JSON.parse(text));
}

const planSchema = z.object({
  resource_changes: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      provider_name: z.string(),
      change: z.object({ actions: z.array(z.string()), after: z.record(z.string(), z.unknown()).nullable() }),
    }),
  ),
});

/** Output of `terraform show -json` for a plan with changes. */
export type ResourceChange = z.infer<typeof planSchema>['resource_changes'][number];

/** Terraform in one directory. */
export class TerraformDirectory {
  constructor(
    readonly path: string,
    private readonly environment: Readonly<Record<string, string>>,
    private readonly signal: AbortSignal,
  ) {}

  run(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run(TERRAFORM, args, { signal: this.signal, ...options, cwd: this.path, env: this.environment });
  }

  async init(): Promise<void> {
    await this.run(['init', '-input=false', '-no-color']);
  }

  async apply(targets: readonly string[] = [], options: RunOptions = {}): Promise<CommandResult> {
    const targeted = targets.map((target) => `-target=${target}`);
    return this.run(['apply', '-auto-approve', '-input=false', '-no-color', ...targeted], options);
  }

  /** Plans, and fails unless nothing is to be done. */
  async planNothing(): Promise<void> {
    const { stdout } = await this.run(['plan', '-input=false', '-no-color']);
    requireNoChanges(stdout);
  }

  async changes(): Promise<readonly ResourceChange[]> {
    await this.run(['plan', '-input=false', '-no-color', '-out=changes.plan']);
    const { stdout } = await this.run(['show', '-json', 'changes.plan']);
    return planSchema.parse(JSON.parse(stdout)).resource_changes;
  }
}

/** @throws Error with what Terraform printed, when that is anything but "No changes" */
export function requireNoChanges(printed: string): void {
  if (!printed.includes('No changes.')) throw new Error(`the plan changes something:\n${printed}`);
}
