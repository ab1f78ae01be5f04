import {
  PACKER_PLUGINS,
  type PackerBuilder,
  type PackerPlugin,
  type UbuntuImageDefinition,
} from '../../model/image-definition';
import { block, type HclObject, renderHcl } from './hcl';

export const PACKER_PLUGINS_FILE = 'plugins.pkr.hcl';

/** Builders that a template runs: QEMU alone needs no plugin for VirtualBox; a build by hand may choose. */
export function buildersIn({ base }: UbuntuImageDefinition): readonly PackerBuilder[] {
  return base.builder === 'qemu' ? ['qemu'] : ['virtualbox', 'qemu'];
}

/** Version of the plugin of a builder, and its sha256 where the image declares one. */
export function pluginOf({ base }: UbuntuImageDefinition, builder: PackerBuilder): PackerPlugin {
  return base.plugins?.[builder] ?? PACKER_PLUGINS[builder];
}

/** What Packer of today has to know before it reads the template; Packer 1.6.6 has both builders inside and refuses it. */
export function renderPackerPlugins(image: UbuntuImageDefinition): string {
  const plugin = (builder: PackerBuilder): HclObject => ({
    source: `github.com/hashicorp/${builder}`,
    version: `= ${pluginOf(image, builder).version}`,
  });
  const plugins = [...buildersIn(image)].sort().map((builder) => [builder, plugin(builder)] as const);
  return renderHcl([
    block('packer', [], { required_version: '>= 1.10' }, block('required_plugins', [], Object.fromEntries(plugins))),
  ]);
}
