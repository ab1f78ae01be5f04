import { block, type HclObject, renderHcl } from './hcl';

export const PACKER_PLUGINS_FILE = 'plugins.pkr.hcl';

/** What Packer of today has to know before it reads the template; Packer 1.6.6 has both builders inside and refuses it. */
export function renderPackerPlugins(): string {
  const plugin = (name: string): HclObject => ({ source: `github.com/hashicorp/${name}`, version: '>= 1.1.0' });
  return renderHcl([
    block(
      'packer',
      [],
      { required_version: '>= 1.10' },
      block('required_plugins', [], { qemu: plugin('qemu'), virtualbox: plugin('virtualbox') }),
    ),
  ]);
}
