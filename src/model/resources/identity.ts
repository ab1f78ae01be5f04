import { z } from 'zod';
import { nameSchema } from '../names';
import { computed, defineShape, observed, required, upgradeFrom } from '../resource-shape';

/** Key pairs of one VM, made at deploy time. */
export const identityShape = defineShape({
  type: 'buildfleet_identity',
  label: 'vmName',
  description:
    'The tunnel key pair and the host key pair of one VM. Private keys stay on the workstation (0600); only public keys and fingerprints enter the state.',
  importId: {
    doc: 'Name of a VM whose key pairs lie below `identities/` in the state directory.',
    example: 'haskell-build-alpha',
  },
  attributes: {
    vmName: required(nameSchema, 'Name of the VM that the keys belong to.', { replaces: true }),
    files: observed(
      z.enum(['intact', 'exposed', 'incomplete']),
      'intact',
      '`exposed` if others may read a private key, `incomplete` if a public key file is missing or another one.',
    ),
    tunnelPublicKey: computed(z.string(), 'OpenSSH public key with which the VM dials its tunnel.', { stable: true }),
    tunnelFingerprint: computed(z.string(), 'SHA256 fingerprint of the tunnel key.', { stable: true }),
    hostPublicKey: computed(z.string(), "OpenSSH public key of the VM's sshd.", { stable: true }),
    hostFingerprint: computed(z.string(), "SHA256 fingerprint of the VM's host key.", { stable: true }),
  },
  upgrades: [
    upgradeFrom(z.looseObject({ files: z.string().nullish() }), (state) => ({
      ...state,
      files: state.files ?? 'intact',
    })),
  ],
});
