import { asUbuntu, type ImageDefinition } from '../../model/image-definition';
import { VM_NAME_PREFIX } from '../../model/names';
import type { ImageAssetFile } from '../assets';
import { renderAutoinstall, renderAutoinstallMetaData } from './autoinstall';
import { PACKER_PLUGINS_FILE, renderPackerPlugins } from './plugins';
import { PACKER_TEMPLATE_FILE, renderPackerTemplate } from './template';

/** Where the installer's seed lies beside the definition. */
export const AUTOINSTALL_DIRECTORY = 'files/cloud-init';

/** What Packer builds an image with, besides the assets; paths are relative to the definition. */
export function renderPackerFiles(definition: ImageDefinition): readonly ImageAssetFile[] {
  const image = asUbuntu(definition);
  const { locale, keyboard, timezone } = image;
  const hostName = VM_NAME_PREFIX;
  return [
    { path: PACKER_TEMPLATE_FILE, content: renderPackerTemplate(image) },
    { path: PACKER_PLUGINS_FILE, content: renderPackerPlugins(image) },
    {
      path: `${AUTOINSTALL_DIRECTORY}/user-data`,
      content: renderAutoinstall({ hostName, locale, keyboard, timezone }),
    },
    { path: `${AUTOINSTALL_DIRECTORY}/meta-data`, content: renderAutoinstallMetaData(hostName) },
  ].map((file) => ({ ...file, executable: false }));
}
