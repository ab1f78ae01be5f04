import { z } from 'zod';
import { RecordFile } from '../../../files/record';
import { vmShape } from '../../../model/resources/vm';

const { hypervisor, network, bridgeAdapter, identity, tunnelPort, relay, hub, developerPublicKeys, heartbeatSeconds } =
  vmShape.attributes;

const schema = z.object({
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

export type SeedRecord = z.infer<typeof schema>;

/**
 * `seed.json`: the settings in a VM's last seed. It is written once the seed is attached, so that it never claims a
 * seed that the VM does not have. When the content is damaged, a deploy attaches the seed again, at the price of a
 * restart; an import, which has no other source, refuses.
 */
export const seedRecord = new RecordFile<SeedRecord>({
  file: 'seed.json',
  shape: schema,
  repair: 'restore it from a backup, or deploy: the VM is then told anew',
});
