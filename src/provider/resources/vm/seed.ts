import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readPrivateKey } from '../../services/openssh-key';
import { FleetError } from '../../../model/errors';
import type { FleetPaths } from '../../../model/paths';
import type { Planned } from '../../../model/resource-shape';
import type { vmShape } from '../../../model/resources/vm';
import { renderMetaData, renderUserData, seedInstanceId } from '../../../rendering/seed';

/** A seed that can be written: `userData` holds private keys. */
export interface VmSeed {
  readonly userData: string;
  /** The same for the same content, and for no other. */
  readonly digest: string;
  readonly hostPublicKey: string;
}

/**
 * Renders the seed of a VM with the keys that its identity keeps on the workstation.
 *
 * @throws FleetError when the keys are missing or are not those of the plan.
 */
export function vmSeed(paths: FleetPaths, planned: Planned<typeof vmShape>): VmSeed {
  const { name, identity, relay, hub, tunnelPort, heartbeatSeconds, developerPublicKeys } = planned;
  const files = paths.identity(name);
  const host = readKey(files.hostKey, name, identity.hostFingerprint);
  const tunnel = readKey(files.tunnelKey, name, identity.tunnelFingerprint);
  const userData = renderUserData({
    environment: {
      hostName: name,
      hub: { port: hub.port, domain: hub.domain },
      relay: { host: relay.host, port: relay.port, user: relay.user },
      tunnelPort,
      heartbeatSeconds,
    },
    keys: {
      hostPrivateKey: host.text,
      hostPublicKey: host.publicKey,
      tunnelPrivateKey: tunnel.text,
      relayHostKeys: [relay.hostPublicKey],
      developerKeys: developerPublicKeys,
    },
  });
  return { userData, digest: seedInstanceId(name, userData), hostPublicKey: host.publicKey };
}

/**
 * The meta-data of a seed that is attached now. Its instance-id is never used again: cloud-init would take a VM that goes
 * back to earlier settings for one that has applied them already.
 */
export function freshMetaData(
  name: string,
  digest: string,
): { readonly instanceId: string; readonly metaData: string } {
  const instanceId = `${digest}-${randomBytes(4).toString('hex')}`;
  return { instanceId, metaData: renderMetaData({ instanceId, hostName: name }) };
}

function readKey(path: string, name: string, fingerprint: string): { text: string; publicKey: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new FleetError({
      code: 'identity-missing',
      problem: "a private key of the VM's identity cannot be read",
      place: name,
      value: path,
      remedy: 'deploy again: its identity is then made anew and the VM with it',
      attribute: 'identity',
      cause: error,
    });
  }
  const key = readPrivateKey(text);
  if (key.fingerprint === fingerprint) return { text, publicKey: key.publicKey };
  throw new FleetError({
    code: 'identity-changed',
    problem: `the key in ${path} is not the one that was planned`,
    place: name,
    value: key.fingerprint,
    remedy: `restore the key ${fingerprint}, or deploy again to give the VM the new one`,
    attribute: 'identity',
  });
}
