import { CDK_COMMAND } from '../model/cdk-command';

/** An entry of `terraform.required_providers` in a stack's JSON. */
export interface RequiredProvider {
  readonly source: string;
  readonly version?: string | undefined;
}

/** A provider as the lock file names it. */
export interface LockedProvider {
  readonly source: string;
  readonly version: string;
  readonly hash: string;
}

const HEADER = `# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.
`;

/*
 * Where cdktf finds no entry for a required provider, it runs `terraform providers lock`, which asks the host of every
 * required one, and buildfleet.local is none. cdktf reads the file line by line and sees an entry in a comment; Terraform
 * does not, chooses a version by the constraint, and writes the entry itself.
 */
const FOR_CDKTF = `# The entries in the comment keep ${CDK_COMMAND} from running "terraform providers lock", which would look for the host
# buildfleet.local. Terraform puts real ones in their place.
`;

/**
 * Renders `.terraform.lock.hcl` as `terraform init` writes it, with the constraint that cdktf writes for the version.
 *
 * @param own buildfleet's provider
 * @param required all that the stack requires; buildfleet's own among them is left out
 * @param present text of an earlier lock file, `''` without one; from it come versions and checksums of the other providers
 */
export function renderLockFile(own: LockedProvider, required: readonly RequiredProvider[], present: string): string {
  const foreign = required.filter(({ source }) => source !== own.source);
  const entry = `
provider "${own.source}" {
  version     = "${own.version}"
  constraints = "${own.version}"
  hashes = [
    "${own.hash}",
  ]
}
`;
  const kept = entriesOf(present).filter((locked) => foreign.some((one) => isLockedAs(one, locked)));
  return [HEADER, entry, ...kept.map(({ text }) => `\n${text}\n`), ...commentFor(foreign)].join('');
}

function commentFor(foreign: readonly RequiredProvider[]): string[] {
  if (foreign.length === 0) return [];
  // cdktf takes the last entry of a provider, and any version satisfies this constraint
  const entries = foreign.map(({ source }) => `provider "${cdktfSource(source)}" {\n  constraints = ">= 0"\n}\n`);
  return ['\n', FOR_CDKTF, `/*\n${entries.join('')}*/\n`];
}

/** As cdktf looks a provider up, also where OpenTofu's registry serves it. */
function cdktfSource(source: string): string {
  const parts = source.split('/');
  if (parts.length === 1) return `registry.terraform.io/hashicorp/${source}`;
  return parts.length === 2 ? `registry.terraform.io/${source}` : source;
}

interface Entry {
  readonly source: string;
  readonly constraints: string;
  readonly text: string;
}

/** Entries that Terraform or OpenTofu has written; both write one argument a line. */
function entriesOf(text: string): Entry[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
  return [...code.matchAll(/^provider "([^"]+)" \{\n[\s\S]*?^\}$/gm)].map(([entry, source = '']) => ({
    source,
    constraints: /^\s*constraints\s*=\s*"([^"]*)"/m.exec(entry)?.[1] ?? '',
    text: entry,
  }));
}

/** An entry for another constraint would fail `terraform init` without `-upgrade`; without it a version is chosen anew. */
function isLockedAs({ source, version }: RequiredProvider, locked: Entry): boolean {
  const sources = [
    cdktfSource(source),
    cdktfSource(source).replace(/^registry\.terraform\.io\//, 'registry.opentofu.org/'),
  ];
  return sources.includes(locked.source) && normal(version ?? '') === normal(locked.constraints);
}

/** As Terraform writes a constraint, but for its order and spaces: `=3.2` is `3.2.0`. */
function normal(constraints: string): string {
  const each = constraints.split(',').map((one) => one.replace(/\s+/g, '').replace(/^=/, ''));
  return each
    .map((one) => (one.startsWith('~>') ? one : withThreeParts(one)))
    .sort()
    .join();
}

function withThreeParts(constraint: string): string {
  return constraint.replace(/^([<>!]?=?)(\d+)(\.\d+)?$/, (_, operator: string, major: string, minor = '.0') => {
    return `${operator}${major}${minor as string}.0`;
  });
}
