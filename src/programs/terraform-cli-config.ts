import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FleetError } from '../model/errors';

/**
 * Finds a setting of the operator's Terraform that keeps it from finding the provider: a `provider_installation` block
 * switches off the directories that Terraform would search by itself.
 *
 * @param environment of the process that will run Terraform
 * @returns null when nothing is in the way
 */
export function findBlockingCliConfig(environment: NodeJS.ProcessEnv, home: string): FleetError | null {
  const file = cliConfigFiles(environment, home).find((candidate) => hidesImpliedMirror(readIfThere(candidate)));
  if (file === undefined) return null;
  return new FleetError({
    code: 'implied-mirror-off',
    place: file,
    problem: "its provider_installation block keeps terraform from finding the provider in the stack's output",
    remedy:
      'add filesystem_mirror { path = "terraform.d/plugins" include = ["buildfleet.local/*/*"] } to the block, each ' +
      'argument on a line of its own, and "buildfleet.local/*/*" to the exclude list of its other methods',
  });
}

/**
 * The files that Terraform reads (https://developer.hashicorp.com/terraform/cli/config/config-file), or OpenTofu
 * (https://opentofu.org/docs/cli/config/config-file/) where that is to run.
 */
function cliConfigFiles(environment: NodeJS.ProcessEnv, home: string): string[] {
  const chosen = environment['TF_CLI_CONFIG_FILE'] ?? environment['TERRAFORM_CONFIG'] ?? '';
  if (chosen !== '') return [chosen];
  const legacy = join(home, '.terraformrc');
  const [file, directory] = isOpenTofu(environment)
    ? openTofuPlaces(environment['XDG_CONFIG_HOME'] ?? '', home, legacy)
    : [legacy, join(home, '.terraform.d')];
  const more = namesIn(directory).filter((name) => name.endsWith('.tfrc') || name.endsWith('.tfrc.json'));
  return [file, ...more.map((name) => join(directory, name))];
}

/** As the cdktf command chooses its program. */
function isOpenTofu(environment: NodeJS.ProcessEnv): boolean {
  return basename(environment['TERRAFORM_BINARY_NAME'] ?? '').startsWith('tofu');
}

/** The file and the directory that OpenTofu takes: its own, Terraform's where these are there, or those of the XDG rules. */
function openTofuPlaces(xdg: string, home: string, legacy: string): [file: string, directory: string] {
  const own = join(home, '.tofurc');
  const directory = join(home, '.terraform.d');
  const file = existsSync(own) || (xdg === '' && !existsSync(legacy)) ? own : legacy;
  if (xdg === '') return [file, directory];
  return [
    existsSync(file) ? file : join(xdg, 'opentofu/tofurc'),
    existsSync(directory) ? directory : join(xdg, 'opentofu'),
  ];
}

/** Whether the text has a `provider_installation` block without a mirror in the working directory's `terraform.d`. */
export function hidesImpliedMirror(text: string): boolean {
  const code = withoutComments(text);
  const block = /(^|[\s{},])"?provider_installation"?\s*[:=]?\s*[[{]/m.exec(code);
  if (!block) return false;
  return !/"?path"?\s*[:=]\s*"(\.\/)?terraform\.d\/plugins\/?"/.test(code.slice(block.index));
}

/** Text in quotes stays as it is: `#` and `//` there start no comment. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*")|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, quoted?: string) => quoted ?? ' ',
  );
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Terraform warns of a file that it cannot read, and goes on without it.
    return '';
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
