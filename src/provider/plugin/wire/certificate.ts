import { type KeyObject, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/*
 * One self-signed certificate per process, kept in memory. Written as DER by hand: this fixed layout is all that is
 * needed, and a general library costs more start-up time than the rest of the provider.
 */

/** A private key and the certificate for `localhost` that goes with it. */
export interface ServerIdentity {
  readonly key: KeyObject;
  readonly certificate: Buffer;
}

const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';
const KEY_USAGE = '551d0f';
const EXTENDED_KEY_USAGE = '551d25';
const SUBJECT_ALT_NAME = '551d11';
const SERVER_AUTH = '2b06010505070301';

const DAY = 24 * 60 * 60 * 1000;

/** Makes a P-256 key and a certificate (DER) valid for a year, which outlives any run of Terraform. */
export function createServerIdentity(now: Date = new Date()): ServerIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const name = sequence(tagged(0x31, sequence(oid(COMMON_NAME), tagged(0x0c, Buffer.from('localhost')))));
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    serialNumber(),
    algorithm,
    name,
    sequence(time(new Date(now.getTime() - DAY)), time(new Date(now.getTime() + 365 * DAY))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(
      0xa3,
      sequence(
        // digitalSignature
        extension(KEY_USAGE, tagged(0x03, Buffer.from([7, 0x80]))),
        extension(EXTENDED_KEY_USAGE, sequence(oid(SERVER_AUTH))),
        extension(SUBJECT_ALT_NAME, sequence(tagged(0x82, Buffer.from('localhost')))),
      ),
    ),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, algorithm, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return { key: privateKey, certificate };
}

function tagged(tag: number, content: Buffer): Buffer {
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), tagged(0x04, value));
}

function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  // positive, and without a leading zero byte
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return tagged(0x02, bytes);
}

/** GeneralizedTime is for 2050 and later only (RFC 5280, 4.1.2.5). */
function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}
