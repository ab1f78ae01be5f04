import { asUbuntu, type ImageDefinition, UBUNTU_BUILD_MACHINE } from '../../model/image-definition';
import { VM_NAME_PREFIX } from '../../model/names';
import { renderAutoinstall, renderAutoinstallMetaData } from './autoinstall';
import type { ImageAssetFile } from '../assets';
import { PACKER_PLUGINS_FILE, PACKER_TEMPLATE_FILE, renderPackerPlugins, renderPackerTemplate } from './template';

/** Where the installer's seed lies beside the definition. */
export const AUTOINSTALL_DIRECTORY = 'files/cloud-init';

/** What Packer builds an image with, besides the assets; paths are relative to the definition. */
export function renderPackerFiles(definition: ImageDefinition): readonly ImageAssetFile[] {
  const { base, diskMib, toolchain, packages, overlays, locale, keyboard, timezone } = asUbuntu(definition);
  const name = VM_NAME_PREFIX;
  const installed = overlays.map(({ path, target, mode }) => ({ path, target, mode }));
  const template = { name, iso: base.iso, diskMib, ...UBUNTU_BUILD_MACHINE, toolchain, packages, overlays: installed };
  return [
    { path: PACKER_TEMPLATE_FILE, content: renderPackerTemplate({ ...template, locale, keyboard, timezone }) },
    { path: PACKER_PLUGINS_FILE, content: renderPackerPlugins() },
    {
      path: `${AUTOINSTALL_DIRECTORY}/user-data`,
      content: renderAutoinstall({ hostName: name, locale, keyboard, timezone }),
    },
    { path: `${AUTOINSTALL_DIRECTORY}/meta-data`, content: renderAutoinstallMetaData(name) },
  ].map((file) => ({ ...file, executable: false }));
}
