import { z } from 'zod';
import { FleetError } from '../../model/errors';
import { GUEST_USER, nameSchema, singleLineSchema } from '../../model/names';
import { describeIssues } from '../../model/zod-issue';

/** Account that the image is built through. generalize.sh removes it with the last command before power-off. */
export const BUILD_TIME_ACCOUNT = 'packer';

/** What lets {@link BUILD_TIME_ACCOUNT} become root; goes with it. */
export const BUILD_TIME_SUDOERS = '/etc/sudoers.d/90-buildfleet-build-time';

/** Hash that no password has. The installer requires one, and an empty one would allow a login without password. */
export const LOCKED_PASSWORD = '*';

/** Stands in for the public key of a build, which is made when the build begins. */
export const BUILD_KEY_PLACEHOLDER = '(public key, made for each build)';

const ED25519 = /^ssh-ed25519 [A-Za-z0-9+/]{68}( [A-Za-z0-9@._-]+)?$/;

/** The public key of a build: one line, ed25519, no options. */
export const buildKeySchema = singleLineSchema.regex(ED25519, 'must be one line of an ed25519 public key');

/** The installer's own sshd, which Packer would take for the machine's. */
const LIVE_SSHD = ['ssh.service', 'ssh.socket'];

/** A shell line, or an argv. */
const commandSchema = z.union([singleLineSchema.min(1), z.array(singleLineSchema).min(1)], {
  error: 'must be a command: one line, or a list of strings',
});

const required = (what: string) => ({
  error: ({ input }: { readonly input?: unknown }) => (input === undefined ? `is missing: ${what}` : undefined),
});

function exactly<const T extends string | number | boolean>(value: T, reason: string) {
  return z.literal(value, { error: `must be ${JSON.stringify(value)}: ${reason}` });
}

const identitySchema = z.strictObject({
  hostname: nameSchema,
  username: nameSchema.refine(
    (name) => name !== GUEST_USER && name !== 'root',
    'must be an account that goes when the image is finished',
  ),
  password: exactly(LOCKED_PASSWORD, 'keys are the only way in'),
});

const autoinstallSectionSchema = z.strictObject({
  version: exactly(1, 'the installer knows no other'),
  'refresh-installer': z.strictObject({ update: exactly(false, 'the installer is the one that the checksum names') }),
  'early-commands': z
    .array(commandSchema, required('the live sshd has to be stopped'))
    .refine(
      (commands) => LIVE_SSHD.every((unit) => commands.some((command) => stops(command, unit))),
      `must stop ${LIVE_SSHD.join(' and ')}, or Packer logs in to the installer`,
    ),
  locale: z.string().regex(/^[A-Za-z_]{1,16}\.UTF-8$/, 'must be a UTF-8 locale such as en_US.UTF-8'),
  keyboard: z.strictObject({ layout: z.string().regex(/^[a-z]{2,8}$/, 'must be a keyboard layout such as us') }),
  timezone: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/, 'must be a time zone such as Europe/Berlin'),
  storage: z.strictObject({
    layout: z.strictObject({
      name: exactly('lvm', 'the disk has to be one volume group'),
      'sizing-policy': exactly('all', 'anything else leaves a part of the volume group unused'),
    }),
  }),
  identity: identitySchema,
  ssh: z.strictObject({
    'install-server': exactly(true, 'Packer arrives by ssh'),
    'allow-pw': exactly(false, 'keys are the only way in'),
    'authorized-keys': z
      .array(z.union([z.literal(BUILD_KEY_PLACEHOLDER), buildKeySchema], { error: 'must be the key of one build' }))
      .length(1, 'must be the key of one build, and no other'),
  }),
  updates: exactly('security', 'an image shall not be older than its fixes'),
  shutdown: exactly('reboot', 'Packer goes on with the installed system'),
  'late-commands': z
    .array(commandSchema, required('the account that Packer uses has to become root'))
    .refine(
      (commands) => commands.some(writesSudoers) && commands.every((command) => !touchesOtherSudoers(command)),
      `must write ${BUILD_TIME_SUDOERS} with mode 0440, and no other rule`,
    ),
});

/** What `user-data` for the Ubuntu installer may hold. Stricter than the installer, which accepts unknown keys. */
const autoinstallSchema = z.strictObject({ autoinstall: autoinstallSectionSchema });

export type Autoinstall = z.output<typeof autoinstallSchema>;
type Command = z.output<typeof commandSchema>;

/**
 * Checks what was read from a `user-data`.
 *
 * @param place file, for errors
 * @throws FleetError `autoinstall-invalid`, with what is wrong
 */
export function parseAutoinstall(value: unknown, place?: string): Autoinstall {
  const result = autoinstallSchema.safeParse(value);
  if (result.success) return result.data;
  const { problem, ...received } = describeIssues(result.error, {
    input: value,
    isSecret: (path) => path.includes('password'),
  });
  throw new FleetError({
    code: 'autoinstall-invalid',
    problem: `the installer's user-data cannot be used: ${problem}`,
    place,
    ...received,
    remedy: 'correct what is listed; strings belong in quotes',
  });
}

function text(command: Command): string {
  return typeof command === 'string' ? command : command.join(' ');
}

function stops(command: Command, unit: string): boolean {
  const words = text(command).split(' ');
  return words[0] === 'systemctl' && words[1] === 'stop' && words.includes(unit);
}

function writesSudoers(command: Command): boolean {
  return text(command).includes(`/target${BUILD_TIME_SUDOERS}`) && /\b0440\b/.test(text(command));
}

function touchesOtherSudoers(command: Command): boolean {
  return text(command).replaceAll(`/target${BUILD_TIME_SUDOERS}`, '').includes('sudoers');
}
