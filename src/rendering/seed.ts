import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FleetError } from '../model/errors';
import { GUEST_USER, singleLineSchema } from '../model/names';
import { describeIssues } from '../model/zod-issue';
import {
  GUEST_ENVIRONMENT_PATH,
  GUEST_TUNNEL_KEY_PATH,
  type GuestEnvironment,
  renderGuestEnvironment,
} from './guest-environment';
import { toYaml } from './yaml';

/** Everything that the seed of one machine carries. */
export interface SeedInput {
  readonly environment: GuestEnvironment;
  readonly keys: SeedKeys;
}

/** The keys in a seed, in OpenSSH's formats. The two private ones are the seed's only secrets. */
export interface SeedKeys {
  /** PEM text of the machine's ed25519 host key. */
  readonly hostPrivateKey: string;
  /** `ssh-ed25519 AAAA…` with or without a comment. */
  readonly hostPublicKey: string;
  /** PEM text of the key that opens the machine's tunnel. */
  readonly tunnelPrivateKey: string;
  /** Host keys of the workstation's sshd, `ssh-ed25519 AAAA…`; the machine trusts no other. */
  readonly relayHostKeys: readonly string[];
  /** Public keys that may log in as `build`; without any, no login is possible. */
  readonly developerKeys: readonly string[];
}

/** Stands in for the keys where a seed is shown rather than used: they are made, or found, at deploy time. */
export const SEED_PLACEHOLDERS: SeedKeys = {
  hostPrivateKey: '(private host key, made at deploy time)',
  hostPublicKey: '(public host key, made at deploy time)',
  tunnelPrivateKey: '(private tunnel key, made at deploy time)',
  relayHostKeys: ['(public host key of the workstation, read at deploy time)'],
  developerKeys: ['(public keys of the developers, read at deploy time)'],
};

/** Stands in for the instance-id, which follows from the keys. */
export const INSTANCE_ID_PLACEHOLDER = '(digest of the seed, made at deploy time)';

const PUBLIC_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}( [\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*)?$/u;
const PRIVATE_KEY =
  /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=]{1,76}\n)+-----END OPENSSH PRIVATE KEY-----\n$/;
const publicKey = singleLineSchema.regex(PUBLIC_KEY, 'must be one line of an OpenSSH public key');
const privateKey = z.string().regex(PRIVATE_KEY, 'must be an OpenSSH private key');

const keysSchema = z.strictObject({
  hostPrivateKey: privateKey,
  hostPublicKey: publicKey.startsWith('ssh-ed25519 ', 'must be an ed25519 key'),
  tunnelPrivateKey: privateKey,
  relayHostKeys: z.array(publicKey).min(1),
  developerKeys: z.array(publicKey).min(1),
});

const INSTANCE_ID = /^[a-z0-9-]{1,100}$/;

/**
 * The `user-data` of a NoCloud seed: host name, host key, and the files that tunnel, agent and sshd read. A seed with
 * another instance-id writes all of it again.
 *
 * @throws FleetError naming the value that cannot be used; a private key is never quoted.
 */
export function renderUserData(input: SeedInput): string {
  const isPlaceholder = input.keys === SEED_PLACEHOLDERS;
  const keys = isPlaceholder ? SEED_PLACEHOLDERS : checked(input);
  const { environment } = input;
  return `#cloud-config\n${toYaml({
    hostname: environment.hostName,
    preserve_hostname: false,
    disable_root: true,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: keys.hostPrivateKey, ed25519_public: keys.hostPublicKey },
    write_files: [
      file(GUEST_ENVIRONMENT_PATH, '0600', renderGuestEnvironment(environment)),
      file(GUEST_TUNNEL_KEY_PATH, '0600', keys.tunnelPrivateKey),
      file('/etc/buildfleet/known_hosts', '0644', knownHosts(environment.relay, keys.relayHostKeys)),
      file(`/etc/ssh/authorized_keys.d/${GUEST_USER}`, '0644', lines(keys.developerKeys)),
    ],
  })}`;
}

/**
 * The `meta-data` of a NoCloud seed.
 *
 * @throws FleetError when the instance-id is none.
 */
export function renderMetaData(input: { readonly instanceId: string; readonly hostName: string }): string {
  if (input.instanceId !== INSTANCE_ID_PLACEHOLDER && !INSTANCE_ID.test(input.instanceId)) {
    throw new FleetError({
      code: 'seed-instance-id',
      problem: 'the instance-id cannot be written',
      place: input.hostName,
      value: input.instanceId,
      remedy: `give one that matches ${String(INSTANCE_ID)}, or use seedInstanceId`,
    });
  }
  return toYaml({ 'instance-id': input.instanceId, 'local-hostname': input.hostName });
}

/**
 * An instance-id that is the same for the same seed and another for any other: cloud-init applies a seed once for each.
 * The digest covers private keys, which cannot be guessed from it.
 */
export function seedInstanceId(hostName: string, userData: string): string {
  return `${hostName}-${createHash('sha256').update(userData).digest('hex').slice(0, 16)}`;
}

function file(path: string, permissions: string, content: string): Record<string, string> {
  return { path, owner: 'root:root', permissions, content };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

/** OpenSSH looks a host up as `name` on port 22 and as `[name]:port` elsewhere. */
function knownHosts(relay: GuestEnvironment['relay'], keys: readonly string[]): string {
  const name = relay.port === 22 ? relay.host : `[${relay.host}]:${relay.port}`;
  return lines(keys.map((key) => `${name} ${key}`));
}

function checked(input: SeedInput): SeedKeys {
  const result = keysSchema.safeParse(input.keys);
  if (result.success) return result.data;
  throw new FleetError({
    code: 'seed-key',
    ...describeIssues(result.error, {
      input: input.keys,
      isSecret: ([key]) => String(key).endsWith('PrivateKey'),
      place: (path) => `the seed's ${path} cannot be used`,
    }),
    place: input.environment.hostName,
    remedy:
      result.error.issues[0]?.path[0] === 'developerKeys'
        ? 'list files with OpenSSH public keys as developers'
        : 'deploy the identity again',
  });
}
