import { FleetError } from '../../model/errors';
import { ghcVersionsOf, UBUNTU_BUILD_MACHINE, type UbuntuImageDefinition } from '../../model/image-definition';
import { VM_NAME_PREFIX } from '../../model/names';
import { BUILD_TIME_ACCOUNT } from './autoinstall-schema';
import { block, call, comparison, type HclBlock, type HclExpression, ref } from './hcl';

/** How a variable's type is written in the template, and which JSON texts are values of it. */
const TYPES = {
  // `-var` takes the text as it is, also where it looks like JSON
  string: { hcl: ref('string'), example: 'text', read: (text: string): unknown => text },
  number: { hcl: ref('number'), example: '4096', read: (text: string) => ofJson(text, isNumber) },
  bool: { hcl: ref('bool'), example: 'true', read: (text: string) => ofJson(text, isBoolean) },
  list: { hcl: call('list', ref('string')), example: '["a","b"]', read: (text: string) => ofJson(text, isTexts) },
  lists: {
    hcl: call('list', call('list', ref('string'))),
    example: '[["-cpu","host"]]',
    read: (text: string) => ofJson(text, (value) => Array.isArray(value) && value.every(isTexts)),
  },
} as const;
type TypeName = keyof typeof TYPES;

/** A rule that values keep; Packer and synth check it. Patterns mean the same in RE2 and in JavaScript. */
type Rule =
  | { readonly kind: 'pattern'; readonly pattern: string; readonly wanted: string }
  | { readonly kind: 'least'; readonly least: number }
  | { readonly kind: 'oneOf'; readonly values: readonly string[] }
  | { readonly kind: 'some' };

interface Declaration {
  readonly type: TypeName;
  readonly description: string;
  /** None for what is made for one build. */
  readonly value?: HclExpression;
  readonly rule?: Rule;
}

/** By name; those without a default are {@link PackerBuildVariables}. */
function declarations(image: UbuntuImageDefinition) {
  const [primaryGhc = '', secondaryGhc = ''] = ghcVersionsOf(image);
  const { memoryMib, cpus } = UBUNTU_BUILD_MACHINE;
  const { iso } = image.base;
  return {
    vm_name: declared('string', 'Name of the machine and of what comes out.', VM_NAME_PREFIX, FILE_NAME),
    disk_size: declared('number', 'Size of the disk in MiB.', image.diskMib, least(4096)),
    memory: declared('number', 'Memory while building, in MiB.', memoryMib, least(512)),
    cpus: declared('number', 'CPUs while building.', cpus, least(1)),
    ghc_primary_version: declared('string', 'The GHC that is the default.', primaryGhc, VERSION),
    ghc_secondary_version: declared('string', 'A second GHC; empty for none.', secondaryGhc, VERSION_OR_NONE),
    cabal_version: declared('string', 'Version of cabal-install.', image.toolchain.cabal, VERSION),
    toolchain: declared(
      'string',
      'What GHC comes from: ghcup or distribution.',
      image.toolchain.kind,
      oneOf('ghcup', 'distribution'),
    ),
    packages: declared('list', 'Packages installed before the scripts run.', image.packages),
    environment: declared('list', 'Further NAME=value settings of the scripts, such as a proxy.', []),
    iso_urls: declared('list', 'Installer, or disk with disk_image; the first that answers.', iso.urls, SOME),
    iso_checksum: declared('string', 'What must have been fetched.', `sha256:${iso.sha256}`, CHECKSUM),
    disk_image: declared('bool', 'QEMU: iso_urls name a disk that boots, not an installer.', false),
    boot_command: declared('list', 'Keys typed into the boot loader.', BOOT_COMMAND),
    boot_wait: declared('string', 'Time from power-on to the first key.', '5s', DURATION),
    seed_files: declared('list', 'user-data and meta-data for a CD, made for one build; [] for none.'),
    ssh_username: declared('string', 'Account that exists while building.', BUILD_TIME_ACCOUNT, ACCOUNT),
    ssh_private_key_file: declared('string', 'Key that the seed lets in, made for one build.'),
    ssh_timeout: declared('string', 'Time for the installation, until the machine answers.', '60m', DURATION),
    sudo: declared('string', 'What makes the account root; empty where it is.', 'sudo'),
    definition_hash: declared('string', "sha256 of the image's definition, for the manifest.", undefined, SHA256),
    source_date_epoch: declared(
      'number',
      'Date that what the build makes shall have, in seconds since 1970.',
      undefined,
      least(0),
    ),
    accelerator: declared('string', 'QEMU: kvm, or tcg where there is none.', 'kvm', oneOf('kvm', 'tcg')),
    qemu_arguments: declared('lists', 'QEMU: further options, each with its values.', []),
    disk_compression: declared('bool', 'QEMU: whether to compress the disk, which takes a minute.', true),
    headless: declared('bool', 'Whether to build without a window.', true),
    output_directory: declared('string', 'Where what comes out is written; made by the build.', 'output'),
  };
}

/** Packer variables that have no default, because they are made for one build. */
export interface PackerBuildVariables {
  /** Paths of the filled-in `user-data` and `meta-data`; none for a disk that needs no seed. */
  readonly seed_files: readonly string[];
  /** The private key whose public half the seed lets in. */
  readonly ssh_private_key_file: string;
  /** sha256 of the image's definition, which covers the template and so cannot stand in it. */
  readonly definition_hash: string;
  /** Seconds since 1970, SOURCE_DATE_EPOCH of the scripts; follows from the hash. */
  readonly source_date_epoch: number;
}

export type PackerVariable = keyof ReturnType<typeof declarations>;

const matching = (pattern: string, wanted: string): Rule => ({ kind: 'pattern', pattern, wanted });
const least = (limit: number): Rule => ({ kind: 'least', least: limit });
const oneOf = (...values: string[]): Rule => ({ kind: 'oneOf', values });
const SOME: Rule = { kind: 'some' };
const VERSION = matching('^[0-9]+([.][0-9]+)+$', 'a version such as 9.8.4');
const VERSION_OR_NONE = matching('^([0-9]+([.][0-9]+)+)?$', 'a version such as 9.6.6, or empty');
const DURATION = matching('^-?([0-9]+([.][0-9]+)?(ms|s|m|h))+$', 'a time with its unit, such as 90s or 1h30m');
const FILE_NAME = matching('^[A-Za-z0-9][A-Za-z0-9._-]*$', 'a file name of letters, digits, dots and dashes');
const ACCOUNT = matching('^[a-z_][a-z0-9_-]*$', 'the name of an account');
const SHA256 = matching('^[0-9a-f]{64}$', '64 lowercase hexadecimal digits');
const CHECKSUM = matching('^(none|file:.+|((md5|sha1|sha256|sha512):)?[0-9A-Fa-f]+)$', 'sha256: and its digits');

/**
 * For GRUB's command line. What stands behind `---` ends up in the installed system's kernel command line, too: an
 * emulated timer on a busy workstation can be too late for the kernel's test of it, which then panics.
 */
const BOOT_COMMAND = [
  'c<wait3>',
  'linux /casper/vmlinuz autoinstall --- no_timer_check<enter><wait3>',
  'initrd /casper/initrd<enter><wait3>',
  'boot<enter>',
];

function declared(type: TypeName, description: string, value?: HclExpression, rule?: Rule): Declaration {
  return { type, description, ...(value === undefined ? {} : { value }), ...(rule === undefined ? {} : { rule }) };
}

/** The template's variables, in the order of the table above. */
export function variableBlocks(image: UbuntuImageDefinition): HclBlock[] {
  return Object.entries<Declaration>(declarations(image)).map(([name, { type, description, value, rule }]) =>
    block(
      'variable',
      [name],
      { type: TYPES[type].hcl, description, ...(value === undefined ? {} : { default: value }) },
      ...(rule === undefined ? [] : [validation(name, rule)]),
    ),
  );
}

function validation(name: string, rule: Rule): HclBlock {
  // Packer wants a sentence
  return block('validation', [], {
    condition: condition(ref(`var.${name}`), rule),
    error_message: `The variable ${name} must be ${wanted(rule)}.`,
  });
}

function condition(variable: HclExpression, rule: Rule): HclExpression {
  switch (rule.kind) {
    case 'pattern':
      // 1.6.6 has no regexall, and its can(regex(…)) refuses everything; no pattern matches the asterisk
      return comparison(call('regex_replace', variable, rule.pattern, '*'), '!=', variable);
    case 'least':
      return comparison(variable, '>=', rule.least);
    case 'oneOf':
      return call('contains', rule.values, variable);
    case 'some':
      return comparison(call('length', variable), '>', 0);
  }
}

function wanted(rule: Rule): string {
  switch (rule.kind) {
    case 'pattern':
      return rule.wanted;
    case 'least':
      return `${rule.least} or more`;
    case 'oneOf':
      return `one of: ${rule.values.join(', ')}`;
    case 'some':
      return 'a list of at least one';
  }
}

function keeps(value: unknown, rule: Rule): boolean {
  switch (rule.kind) {
    case 'pattern':
      return new RegExp(rule.pattern).test(String(value));
    case 'least':
      return Number(value) >= rule.least;
    case 'oneOf':
      return rule.values.includes(String(value));
    case 'some':
      return Array.isArray(value) && value.length > 0;
  }
}

/**
 * Checks the values that an image gives to variables of its template, as Packer would minutes later.
 *
 * @param place construct path for errors
 * @throws FleetError `packer-variables` for a name that the template does not have, and a value of another type
 */
export function checkPackerVariables(image: UbuntuImageDefinition, place?: string): void {
  const known: Readonly<Record<string, Declaration | undefined>> = declarations(image);
  for (const [name, text] of Object.entries(image.base.variables)) {
    const refuse = (problem: string, value: string, remedy: string) =>
      new FleetError({ code: 'packer-variables', problem, place, value, remedy });
    const declaration = Object.hasOwn(known, name) ? known[name] : undefined;
    if (declaration === undefined) {
      throw refuse(
        'the Packer template has no such variable',
        name,
        `use one of: ${Object.keys(known).sort().join(', ')}`,
      );
    }
    const { type, rule } = declaration;
    const { read, example } = TYPES[type];
    const value = read(text);
    const isOfType = value !== undefined;
    if (!isOfType || (rule !== undefined && !keeps(value, rule))) {
      const must = rule === undefined || !isOfType ? `a ${typeWords(type)}` : wanted(rule);
      const form = rule === undefined || !isOfType ? `, { ${name}: '${example}' }` : '';
      throw refuse(`the variable ${name} of the Packer template must be ${must}`, text, `correct the value${form}`);
    }
  }
}

function typeWords(type: TypeName): string {
  return { string: 'text', number: 'number', bool: 'boolean', list: 'list of texts', lists: 'list of lists of texts' }[
    type
  ];
}

function ofJson(text: string, isValue: (value: unknown) => boolean): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isValue(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
