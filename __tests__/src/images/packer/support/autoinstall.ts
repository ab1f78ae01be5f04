import type { AutoinstallInput } from '../../../../../src/images/packer/autoinstall';

export const AUTOINSTALL: AutoinstallInput = {
  hostName: 'haskell-build',
  locale: 'en_US.UTF-8',
  keyboard: 'us',
  timezone: 'Europe/Berlin',
};

/** A public key in the right form, which no private key belongs to. */
export const BUILD_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'B'.repeat(43)} build`;
