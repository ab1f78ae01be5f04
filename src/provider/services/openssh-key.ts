import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { FleetError } from '../../model/errors';

/** The public part of a key pair. */
export interface PublicKey {
  /** `ssh-ed25519 AAAA… comment`, one line without its end. */
  readonly publicKey: string;
  /** `SHA256:…`, as ssh-keygen prints it. */
  readonly fingerprint: string;
}

const KEY_TYPE = 'ssh-ed25519';
const MAGIC = 'openssh-key-v1\0';

/**
 * Derives the public key from the text of an unencrypted OpenSSH Ed25519 private key (PROTOCOL.key in OpenSSH's
 * source), so that a plan starts no ssh-keygen for every key.
 *
 * @throws FleetError `key-unreadable`; no part of the key is in the message
 */
export function readPrivateKey(text: string): PublicKey {
  let inner: Fields;
  try {
    inner = privateSection(text);
    const [first, second] = [inner.uint32(), inner.uint32()];
    if (first !== second) throw new Error('check numbers differ');
    if (inner.string().toString() !== KEY_TYPE) throw new Error('another type of key');
    const [point, pair, comment] = [inner.string(), inner.string(), inner.string().toString()];
    if (!derivePoint(pair.subarray(0, 32), point).equals(point))
      throw new Error('its public half does not belong to it');
    const blob = Buffer.concat([sized(Buffer.from(KEY_TYPE)), sized(point)]);
    return {
      publicKey: [KEY_TYPE, blob.toString('base64'), comment].join(' ').trim(),
      fingerprint: fingerprintOf(blob),
    };
  } catch (error) {
    throw new FleetError({
      code: 'key-unreadable',
      problem: `this is not an unencrypted Ed25519 private key of OpenSSH: ${(error as Error).message}`,
      remedy: 'restore it from a backup, or delete it to have a new one made',
    });
  }
}

/**
 * The fingerprint of a public key line.
 *
 * @throws FleetError `public-key-malformed`
 */
export function publicKeyFingerprint(line: string): string {
  const [type = '', encoded = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(encoded, 'base64');
  const named = blob.length >= 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString() : '';
  if (type === '' || named !== type) {
    throw new FleetError({
      code: 'public-key-malformed',
      problem: 'this is not an OpenSSH public key',
      value: line.slice(0, 100),
      remedy: 'give a file with one line like "ssh-ed25519 AAAA… comment"',
    });
  }
  return fingerprintOf(blob);
}

/** Reads the length-prefixed fields of SSH's wire format. */
class Fields {
  private offset = 0;
  constructor(private readonly bytes: Buffer) {}

  uint32(): number {
    const value = this.bytes.readUInt32BE(this.offset);
    this.offset += 4;
    return value;
  }

  string(): Buffer {
    const length = this.uint32();
    if (length > this.bytes.length - this.offset) throw new Error('it is cut off');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }
}

function privateSection(text: string): Fields {
  const match = /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END OPENSSH PRIVATE KEY-----\s*$/.exec(
    text,
  );
  const bytes = Buffer.from(match?.[1] ?? '', 'base64');
  if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) throw new Error('it has another format');
  const outer = new Fields(bytes.subarray(MAGIC.length));
  if (outer.string().toString() !== 'none') throw new Error('it has a passphrase');
  outer.string(); // key derivation function
  outer.string(); // and its options
  if (outer.uint32() !== 1) throw new Error('it does not hold exactly one key');
  outer.string(); // public key, which the private section repeats
  return new Fields(outer.string());
}

/** The public half of a private key. As a JWK, because OpenSSL takes eight times as long for the same key as DER. */
function derivePoint(seed: Buffer, point: Buffer): Buffer {
  const jwk = { kty: 'OKP', crv: 'Ed25519', d: seed.toString('base64url'), x: point.toString('base64url') };
  const { x = '' } = createPublicKey(createPrivateKey({ key: jwk, format: 'jwk' })).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

function sized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
