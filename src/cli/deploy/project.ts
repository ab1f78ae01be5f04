import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { CDK_COMMAND } from '../../model/cdk-command';
import { FleetError } from '../../model/errors';
import { parseFailure } from '../../model/zod-issue';

/** A project of the cdktf command, and how to run that. */
export interface DeployProject {
  readonly directory: string;
  /** Where synth writes, one directory a stack. */
  readonly stacks: string;
  /** Program to start. */
  readonly cdktf: string;
  /** Terraform's program, a name or a path. */
  readonly terraform: string;
  /** Additions to the environment of the command. */
  readonly environment: Readonly<Record<string, string>>;
}

const configSchema = z.looseObject({ output: z.string().min(1).default('cdktf.out') });

/**
 * The project in a directory: there is a `cdktf.json`. Programs are found as the Makefile finds them.
 *
 * @throws FleetError `project-not-found`, `project-unreadable` or `cdktf-missing`
 */
export function openProject(directory: string, environment: NodeJS.ProcessEnv): DeployProject {
  const file = join(directory, 'cdktf.json');
  if (!existsSync(file)) {
    throw new FleetError({
      code: 'project-not-found',
      problem: 'there is no cdktf.json',
      place: directory,
      remedy: 'change to the directory of the main.ts that describes the fleet',
    });
  }
  const binaries = join(directory, 'node_modules/.bin');
  const path = [binaries, ...(environment['PATH'] ?? '').split(delimiter).filter((entry) => entry !== '')];
  const cdktf = find(CDK_COMMAND, path);
  if (cdktf === undefined) {
    throw new FleetError({
      code: 'cdktf-missing',
      problem: `the ${CDK_COMMAND} command is not installed`,
      place: directory,
      remedy: 'run `npm ci` there',
    });
  }
  const given = environment['TERRAFORM_BINARY_NAME'] ?? '';
  const terraform = given !== '' ? given : find('terraform', path) === undefined ? 'tofu' : 'terraform';
  return {
    directory,
    stacks: join(directory, readConfig(file).output, 'stacks'),
    cdktf,
    terraform,
    environment: { PATH: path.join(delimiter), TERRAFORM_BINARY_NAME: terraform, CHECKPOINT_DISABLE: '1' },
  };
}

/**
 * The state directory that the synthesized stack gives its provider; undefined before the first synth.
 *
 * @param since milliseconds; what was synthesized earlier does not count
 */
export function stateDirectoryOf(project: DeployProject, stack: string, since: number): string | undefined {
  const block = z.looseObject({ state_directory: z.string() });
  const plan = z.looseObject({ provider: z.looseObject({ buildfleet: z.array(block).min(1) }) });
  try {
    const file = join(project.stacks, stack, 'cdk.tf.json');
    const { provider } = plan.parse(JSON.parse(readFileSync(file, 'utf8')));
    return statSync(file).mtimeMs >= since ? provider.buildfleet[0]?.state_directory : undefined;
  } catch {
    return undefined;
  }
}

function readConfig(file: string): z.infer<typeof configSchema> {
  try {
    return configSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new FleetError({
      code: 'project-unreadable',
      problem: `the file cannot be understood: ${parseFailure(cause)}`,
      place: file,
      remedy: `correct it; ${CDK_COMMAND} describes it at https://developer.hashicorp.com/terraform/cdktf`,
      cause,
    });
  }
}

function find(name: string, path: readonly string[]): string | undefined {
  return path
    .map((directory) => join(directory, name))
    .find((candidate) => {
      try {
        accessSync(candidate, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
