import { isDeepStrictEqual } from 'node:util';
import { parse as parseYaml } from 'yaml';
import {
  type Autoinstall,
  BUILD_KEY_PLACEHOLDER,
  BUILD_TIME_ACCOUNT,
  BUILD_TIME_SUDOERS,
  buildKeySchema,
  LOCKED_PASSWORD,
  parseAutoinstall,
} from './autoinstall-schema';
import { CDK_COMMAND } from '../../model/cdk-command';
import { FleetError } from '../../model/errors';
import { describeIssues } from '../../model/zod-issue';
import { renderMetaData } from '../../rendering/seed';
import { toYaml } from '../../rendering/yaml';

/** Variable parts of the installer's input; the rest is the same for all images. */
export interface AutoinstallInput {
  /** Host name until a seed brings another; also in error messages. */
  readonly hostName: string;
  /** `en_US.UTF-8` */
  readonly locale: string;
  /** Layout, `us`. */
  readonly keyboard: string;
  /** `Europe/Berlin` */
  readonly timezone: string;
}

const HEADER = '#cloud-config\n';

/**
 * The installer's `user-data`, with {@link BUILD_KEY_PLACEHOLDER} where a build puts its key.
 *
 * @throws FleetError naming everything that cannot be used.
 */
export function renderAutoinstall(input: AutoinstallInput): string {
  return HEADER + toYaml(parseAutoinstall({ autoinstall: autoinstall(input) }, input.hostName));
}

/** The `meta-data` beside it. Every VM's seed has another instance-id. */
export function renderAutoinstallMetaData(hostName: string): string {
  return renderMetaData({ instanceId: `image-${hostName}`, hostName });
}

/**
 * Puts the public key of one build where the placeholder is.
 *
 * @param userData what {@link renderAutoinstall} gave
 * @param publicKey one line, `ssh-ed25519 AAAA…`, with or without a comment and a newline at the end
 * @throws FleetError when {@link renderAutoinstall} did not write the file, or the key is none.
 */
export function fillBuildKey(userData: string, publicKey: string, place?: string): string {
  const key = buildKeySchema.safeParse(publicKey.replace(/\n$/, ''));
  if (!key.success) {
    throw new FleetError({
      code: 'build-key-invalid',
      problem: describeIssues(key.error, { place: () => "the build's public key" }).problem,
      place,
      value: publicKey,
      remedy: 'make it with ssh-keygen -t ed25519',
    });
  }
  const { autoinstall: section } = checkAutoinstall(userData, place);
  if (!section.ssh['authorized-keys'].includes(BUILD_KEY_PLACEHOLDER)) {
    throw new FleetError({
      code: 'build-key-placeholder',
      problem: `the installer's user-data has no place for the key of a build`,
      place,
      value: section.ssh['authorized-keys'],
      remedy: `run ${CDK_COMMAND} synth again`,
    });
  }
  return HEADER + toYaml({ autoinstall: { ...section, ssh: { ...section.ssh, 'authorized-keys': [key.data] } } });
}

/**
 * Reads an installer's `user-data` as it is written, and checks it.
 *
 * @throws FleetError when it is no cloud-config, when a reader of YAML 1.1 takes a value for something else than a
 * reader of YAML 1.2 does, and for everything that the schema refuses.
 */
export function checkAutoinstall(userData: string, place?: string): Autoinstall {
  if (!userData.startsWith(HEADER)) {
    throw new FleetError({
      code: 'autoinstall-header',
      problem: `the installer's user-data is no cloud-config`,
      place,
      value: userData.split('\n', 1)[0],
      remedy: 'begin it with the line #cloud-config',
    });
  }
  const [old, current] = [readYaml(userData, '1.1', place), readYaml(userData, '1.2', place)];
  const path = firstDifference(old, current);
  if (path !== undefined) {
    throw new FleetError({
      code: 'autoinstall-ambiguous',
      problem: `${path.join('.')} in the installer's user-data means different things to readers of YAML 1.1 and 1.2`,
      place,
      value: [old, current].map((value) => path.reduce<unknown>((at, key) => (at as Members)[key], value)),
      remedy: 'put it in quotes',
    });
  }
  return parseAutoinstall(old, place);
}

type Members = Readonly<Record<string, unknown>>;

/** Path of the first value in which two documents differ; undefined when they are equal. */
function firstDifference(a: unknown, b: unknown): readonly string[] | undefined {
  if (isDeepStrictEqual(a, b)) return undefined;
  if (!isMembers(a) || !isMembers(b)) return [];
  const differing = Object.keys(a).find((key) => !(key in b) || !isDeepStrictEqual(a[key], b[key]));
  if (differing === undefined || !(differing in b)) return [];
  return [differing, ...(firstDifference(a[differing], b[differing]) ?? [])];
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null;
}

function readYaml(text: string, version: '1.1' | '1.2', place: string | undefined): unknown {
  try {
    // prettyErrors would quote the file; a collision of keys is an error by default
    return parseYaml(text, { version, prettyErrors: true });
  } catch (cause) {
    throw new FleetError({
      code: 'autoinstall-yaml',
      problem: `the installer's user-data is not YAML: ${(cause as Error).message.split('\n', 1)[0] ?? ''}`,
      place,
      remedy: 'correct the line that is named',
      cause,
    });
  }
}

function autoinstall({ hostName, locale, keyboard, timezone }: AutoinstallInput): Record<string, unknown> {
  return {
    version: 1,
    'refresh-installer': { update: false },
    'early-commands': [['systemctl', 'stop', 'ssh.service', 'ssh.socket']],
    locale,
    keyboard: { layout: keyboard },
    timezone,
    storage: { layout: { name: 'lvm', 'sizing-policy': 'all' } },
    identity: { hostname: hostName, username: BUILD_TIME_ACCOUNT, password: LOCKED_PASSWORD },
    ssh: { 'install-server': true, 'allow-pw': false, 'authorized-keys': [BUILD_KEY_PLACEHOLDER] },
    updates: 'security',
    shutdown: 'reboot',
    'late-commands': [['sh', '-c', LET_BUILD_ACCOUNT_BE_ROOT]],
  };
}

const LET_BUILD_ACCOUNT_BE_ROOT =
  `echo '${BUILD_TIME_ACCOUNT} ALL=(ALL) NOPASSWD: ALL' | ` + `install -m 0440 /dev/stdin /target${BUILD_TIME_SUDOERS}`;
