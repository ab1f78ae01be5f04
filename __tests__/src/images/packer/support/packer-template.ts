import { DEFAULT_IMAGE_PACKAGES } from '../../../../../src/model/image-definition';
import type { PackerTemplateInput } from '../../../../../src/images/packer/template';

/** The Ubuntu image as spec and defaults describe it. */
export const PACKER_TEMPLATE: PackerTemplateInput = {
  name: 'haskell-build',
  iso: {
    urls: [
      'https://releases.example/24.04/ubuntu-24.04.5-live-server-amd64.iso',
      'https://old-releases.example/24.04/ubuntu-24.04.5-live-server-amd64.iso',
    ],
    sha256: '97f3d7ffb032c3eb3b23d2c8be9cc76e60c2c1f2c0146ba5ba9fe01cafae0fd8',
  },
  diskMib: 40_960,
  toolchain: {
    kind: 'ghcup',
    ghcup: { version: '0.2.6.2', sha256: 'abc123'.padEnd(64, '0') },
    ghc: '9.8.4',
    secondaryGhc: '9.6.6',
    cabal: '3.12.1.0',
    indexState: null,
  },
  packages: [...DEFAULT_IMAGE_PACKAGES].sort(),
  locale: 'en_US.UTF-8',
  keyboard: 'us',
  timezone: 'Europe/Berlin',
};
