import { z } from 'zod';
import { type DebianSuite, debianSuiteSchema } from '../../src/model/image-definition';
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
   * @default the version that the suite has, 9.6.6 in trixie and 9.0.2 in bookworm
   */
  readonly ghc?: string;
  /**
   * Debian release. What is built runs on workstations whose glibc is not older than the release's: an image of the
   * workstation's own release always does.
   * @default 'trixie'
   */
  readonly suite?: DebianSuite;
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
  suite: debianSuiteSchema
    .default('trixie')
    .meta({ remedy: `use one of: ${debianSuiteSchema.options.join(', ')}` }),
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
