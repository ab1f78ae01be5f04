import {
  asUbuntu,
  imageDefinition,
  type ImageDefinitionProps,
  UBUNTU_ISO,
  type UbuntuImageDefinition,
} from '../../../../../src/model/image-definition';

export const UBUNTU_BASE = {
  kind: 'ubuntu',
  release: '24.04',
  architecture: 'amd64',
  iso: { urls: [...UBUNTU_ISO['24.04'].urls], sha256: UBUNTU_ISO['24.04'].sha256 },
  builder: 'virtualbox',
  variables: {},
} satisfies ImageDefinitionProps['base'];

/** The Ubuntu image with its defaults, apart from what a test changes; without assets, which the template names itself. */
export function ubuntuDefinition(changes: Partial<ImageDefinitionProps> = {}): UbuntuImageDefinition {
  return asUbuntu(imageDefinition({ name: 'ubuntu', base: UBUNTU_BASE, scripts: [], files: [], ...changes }));
}
