import { createHash } from 'node:crypto';

/** RFC 9562 namespace of the VMs of all fleets; a random UUID, fixed for ever. */
const NAMESPACE = Buffer.from('6f1f2b1f3a8c4c55a0a1d7c1f0b6a2e4', 'hex');

/** Identity of a VM: another value means another VM. */
export interface VmIdentity {
  readonly fleet: string;
  readonly name: string;
  readonly imageHash: string;
  readonly hostFingerprint: string;
  readonly tunnelFingerprint: string;
}

/** Version 5 UUID of a VM, so that one that was made by an interrupted deploy is recognised by the next. */
export function vmUuid({ fleet, name, imageHash, hostFingerprint, tunnelFingerprint }: VmIdentity): string {
  const text = JSON.stringify([fleet, name, imageHash, hostFingerprint, tunnelFingerprint]);
  const bytes = createHash('sha1').update(NAMESPACE).update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
