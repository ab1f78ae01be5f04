import { basename } from 'node:path';
import { FleetError } from '../../model/errors';
import type { UbuntuImageDefinition } from '../../model/image-definition';
import { sha256OfFile } from '../cache';
import { pluginOf } from './plugins';

/**
 * Compares the plugin that runs the build with the sha256 that the image declares. Packer has compared the release with
 * the checksums beside it, which come from the same place.
 *
 * @param installed output of `packer plugins installed`, a path a line
 * @returns the plugin's version and sha256, for the manifest
 * @throws FleetError `packer-plugin-altered`
 */
export async function verifyPackerPlugin(
  image: UbuntuImageDefinition,
  installed: string,
  place: string,
): Promise<Readonly<Record<string, string>>> {
  const { builder } = image.base;
  const { version, sha256: wanted } = pluginOf(image, builder);
  const program = `packer-plugin-${builder}`;
  const found = installed
    .split('\n')
    .map((line) => line.trim())
    .filter((path) => basename(path).startsWith(`${program}_v${version}_`));
  const remedy = `remove it and deploy again, or correct { plugins: { ${builder}: { version, sha256 } } } of the image`;
  const [path] = found;
  if (path === undefined) {
    if (wanted === undefined) return {};
    throw new FleetError({
      code: 'packer-plugin-altered',
      problem: `packer does not list ${program} ${version}, whose sha256 the image declares`,
      place,
      value: installed.trim(),
      remedy,
    });
  }
  const sums = await Promise.all(found.map(sha256OfFile));
  const other = wanted === undefined ? -1 : sums.findIndex((sum) => sum !== wanted);
  if (other >= 0) {
    throw new FleetError({
      code: 'packer-plugin-altered',
      problem: `${found[other] ?? ''} is not the plugin that the image declares (sha256 ${wanted ?? ''})`,
      place,
      value: sums[other],
      remedy,
    });
  }
  return { [program]: `${version} sha256:${sums[0] ?? ''}` };
}
