import { z } from 'zod';
import { imageAssets } from '../../src/images/assets';
import {
  common,
  type ImagePlace,
  type ImageProps,
  imagePropsSchema,
  type ImageSource,
  listed,
  textSchema,
} from './image-source';

export interface DebianImageProps extends ImageProps {
  /**
   * GHC from the distribution.
   * @default the version that the suite has, 9.6.6 in trixie
   */
  readonly ghc?: string;
  /**
   * Debian release.
   * @default 'trixie'
   */
  readonly suite?: 'trixie';
  /**
   * Archive to install from.
   * @default the workstation's own, if that is a Debian mirror
   */
  readonly mirror?: string;
  /**
   * Moment of the archive to install from, for mirrors that keep snapshots, `20250520T000000Z`.
   * @default the present
   */
  readonly snapshot?: string;
}

export const debianImagePropsSchema = z.strictObject({
  ghc: textSchema,
  suite: z.enum(['trixie']).default('trixie').meta({ remedy: "use 'trixie'" }),
  mirror: textSchema,
  snapshot: textSchema,
  ...imagePropsSchema.shape,
});

/** Debian by mmdebstrap, toolchain from the distribution. */
export function debianImage(image: ImagePlace, props: z.infer<typeof debianImagePropsSchema>): ImageSource {
  const { ghc, suite, mirror = null, snapshot = null } = props;
  const files = imageAssets();
  const overlays = common(image, props);
  return {
    files: [...files, ...overlays.files],
    ghc,
    definition: {
      ...overlays.declared,
      base: { kind: 'debian', suite, architecture: 'amd64', mirror, snapshot },
      ...listed(files),
    },
  };
}
