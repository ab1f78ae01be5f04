import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../../files/atomic';
import { vmShape } from '../../../model/resources/vm';

const { hypervisor, network, bridgeAdapter, identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds } =
  vmShape.attributes;

const schema = z.object({
  formatVersion: z.literal(1),
  /** Digest of the seed's whole content, private keys included, from which they cannot be guessed. */
  digest: z.string(),
  instanceId: z.string(),
  /** The public part, for `terraform import`. */
  hypervisor: hypervisor.type.default('qemu'),
  network: network.type.default('nat'),
  bridgeAdapter: bridgeAdapter.type.nullable().default(null),
  identity: identity.type,
  tunnelPort: tunnelPort.type,
  relay: relay.type,
  hub: hub.type,
  developerPublicKeys: developerPublicKeys.type,
  heartbeatSeconds: heartbeatSeconds.type,
});

/** `seed.json`: what a VM was last told. It is written once the seed is attached, so that it never says too much. */
export type SeedRecord = z.infer<typeof schema>;

const FILE = 'seed.json';

/** @returns undefined when the VM in this directory never got a seed. */
export function readSeedRecord(directory: string): SeedRecord | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(join(directory, FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

export function writeSeedRecord(directory: string, record: SeedRecord): void {
  writeFileAtomically(join(directory, FILE), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}
