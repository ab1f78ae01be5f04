import { createHash } from 'node:crypto';
import { z } from 'zod';
import { IMAGE_DISK_MIB, type ImageDefinitionProps, PROVISIONING_SCRIPTS } from '../../src/model/image-definition';
import { singleLineSchema } from '../../src/model/names';
import { Size } from '../../src/model/size';
import { type ImageOverlay, overlaysSchema, readOverlays } from './image-overlays';
import type { RenderedFile } from './rendered-file';

/** Props of every kind of image. */
export interface ImageProps {
  /**
   * Packages that developers find in the image besides the toolchain.
   * @default build tools and libraries that common packages need
   */
  readonly packages?: readonly string[];
  /**
   * Files over what packages and scripts have made, in this order.
   * @default none
   */
  readonly overlays?: readonly ImageOverlay[];
  /**
   * Size of the disk; only what is used takes space.
   * @default 40 GiB
   */
  readonly disk?: Size;
  /**
   * Locale of the image.
   * @default 'en_US.UTF-8'
   */
  readonly locale?: string;
  /**
   * Keyboard layout of the console.
   * @default 'us'
   */
  readonly keyboard?: string;
  /**
   * Time zone of the image.
   * @default 'Europe/Berlin'
   */
  readonly timezone?: string;
}

export const textSchema = singleLineSchema.optional();

export const imagePropsSchema = z.strictObject({
  packages: z.array(singleLineSchema).optional(),
  overlays: overlaysSchema,
  disk: z
    .custom<Size>(
      (value) =>
        value instanceof Size &&
        Number.isInteger(value.toMebibytes()) &&
        value.toMebibytes() >= IMAGE_DISK_MIB.least &&
        value.toMebibytes() <= IMAGE_DISK_MIB.most,
      'must be a size of whole MiB, from 4 GiB to 2 TiB',
    )
    .optional()
    .meta({ remedy: 'give a size, Size.gibibytes(40)' }),
  locale: textSchema,
  keyboard: textSchema,
  timezone: textSchema,
});

/** An image as its kind sees it. */
export interface ImagePlace {
  readonly name: string;
  /** Construct path, for errors. */
  readonly path: string;
  /** Where `main.ts` lies. */
  readonly projectDirectory: string;
}

/** Sources of a kind of image. */
export interface ImageSource {
  readonly definition: ImageDefinitionProps;
  /** GHC that must come with the toolchain, if one was asked for. */
  readonly ghc?: string | undefined;
  /** Files that lie beside the definition; paths are relative to it. */
  readonly files: readonly RenderedFile[];
}

/** What a definition says of every kind of image, and the overlays' copies that lie beside it. */
export function common(
  image: ImagePlace,
  { packages, overlays, disk, locale, keyboard, timezone }: z.infer<typeof imagePropsSchema>,
): Pick<ImageSource, 'files'> & { readonly declared: Omit<ImageDefinitionProps, 'base' | 'scripts' | 'files'> } {
  const source = readOverlays(overlays, image.projectDirectory, image.path);
  return {
    files: source.files,
    declared: {
      ...{ name: image.name, packages, overlays: source.overlays },
      ...{ diskMib: disk?.toMebibytes(), locale, keyboard, timezone },
    },
  };
}

/** How a definition lists the files that it is made with. */
export function listed(files: readonly RenderedFile[]): Pick<ImageDefinitionProps, 'scripts' | 'files'> {
  const assets = files.map(({ path, content, executable }) => ({
    path,
    mode: executable === true ? '0755' : '0644',
    sha256: createHash('sha256').update(content).digest('hex'),
  }));
  const order: readonly string[] = PROVISIONING_SCRIPTS;
  return {
    scripts: order.map((script) => {
      const asset = assets.find(({ path }) => path === script);
      if (asset === undefined) throw new Error(`assets hold no ${script}`);
      return asset;
    }),
    files: assets.filter(({ path }) => !order.includes(path)),
  };
}
