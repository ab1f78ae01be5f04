import { z } from 'zod';
import { DEFAULT_IMAGE_PACKAGES, type ImageDefinitionProps } from '../../src/model/image-definition';
import { singleLineSchema } from '../../src/model/names';
import type { Size } from '../../src/model/size';
import { imageAssets } from '../../src/images/assets';
import { type ImageOverlay, overlaysSchema, readOverlays } from './image-overlays';
import { type ImagePlace, type ImageSource, listed } from './image-source';
import { sizeSchema } from './schemas';

export interface DebianImageProps {
  /** GHC from the distribution. @default the version that the suite has, 9.6.6 in trixie */
  readonly ghc?: string;
  /** Debian release. @default 'trixie' */
  readonly suite?: 'trixie';
  /** Archive to install from. @default the workstation's own, if that is a Debian mirror */
  readonly mirror?: string;
  /** Moment of the archive to install from, for mirrors that keep snapshots, `20250520T000000Z`. @default the present */
  readonly snapshot?: string;
  /** Packages that developers find in the image besides the toolchain. @default build tools and libraries that common packages need */
  readonly packages?: readonly string[];
  /** Files over what packages and scripts have made, in this order. @default none */
  readonly overlays?: readonly ImageOverlay[];
  /** Size of the disk; only what is used takes space. @default 40 GiB */
  readonly disk?: Size;
  /** @default 'en_US.UTF-8' */
  readonly locale?: string;
  /** @default 'us' */
  readonly keyboard?: string;
  /** @default 'Europe/Berlin' */
  readonly timezone?: string;
}

const textSchema = singleLineSchema.optional();

export const debianImagePropsSchema = z.strictObject({
  ghc: textSchema,
  suite: z.enum(['trixie']).default('trixie').meta({ remedy: "use 'trixie'" }),
  mirror: textSchema,
  snapshot: textSchema,
  packages: z.array(singleLineSchema).optional(),
  overlays: overlaysSchema,
  disk: sizeSchema.optional(),
  locale: textSchema,
  keyboard: textSchema,
  timezone: textSchema,
});

/** Debian by mmdebstrap, toolchain from the distribution. */
export function debianImage(image: ImagePlace, props: z.infer<typeof debianImagePropsSchema>): ImageSource {
  const { ghc, suite, mirror = null, snapshot = null, packages, disk, locale, keyboard, timezone } = props;
  const files = imageAssets();
  const overlays = readOverlays(props.overlays, image.projectDirectory, image.path);
  return {
    files: [...files, ...overlays.files],
    ghc,
    definition: {
      name: image.name,
      base: { kind: 'debian', suite, architecture: 'amd64', mirror, snapshot },
      packages: packages ?? [...DEFAULT_IMAGE_PACKAGES],
      ...listed(files),
      overlays: overlays.overlays,
      ...{ diskMib: disk?.toMebibytes(), locale, keyboard, timezone },
    } satisfies ImageDefinitionProps,
  };
}
