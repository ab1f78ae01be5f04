import { z } from 'zod';
import { type Hypervisor, hypervisorSchema } from '../../src/model/hypervisor';
import {
  DEFAULT_GHCUP_TOOLCHAIN,
  DEFAULT_IMAGE_PACKAGES,
  type ImageDefinitionProps,
  imageDefinition,
  UBUNTU_ISO,
} from '../../src/model/image-definition';
import { singleLineSchema } from '../../src/model/names';
import type { Size } from '../../src/model/size';
import { renderPackerFiles } from '../../src/images/packer/rendered-files';
import { imageAssets } from '../../src/images/assets';
import { type ImageOverlay, overlaysSchema, readOverlays } from './image-overlays';
import { type ImagePlace, type ImageSource, listed } from './image-source';
import { sizeSchema } from './schemas';

export interface UbuntuImageProps {
  /** What runs the machine that Ubuntu is installed on. @default 'virtualbox' */
  readonly builder?: Hypervisor;
  /** Ubuntu release. @default '24.04' */
  readonly release?: '24.04';
  /** Installer to use instead of the release's own: where it is, in the order of trying, and its sha256. @default the latest that is known */
  readonly iso?: { readonly urls: readonly string[]; readonly sha256: string };
  /** GHC that is the default. @default '9.8.4' */
  readonly ghc?: string;
  /** Further GHCs: one, a list, or null for none. @default '9.6.6' */
  readonly secondaryGhc?: string | readonly string[] | null;
  /** @default '3.12.1.0' */
  readonly cabal?: string;
  /** Where the compilers come from. @default 'ghcup', a pinned and verified one */
  readonly toolchain?: 'ghcup' | 'distribution';
  /** Moment of the package index that the image knows, `2026-01-31T00:00:00Z`. @default the newest while building */
  readonly indexState?: string;
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
  /** Values for further variables of the Packer template, such as `boot_wait`. @default none */
  readonly variables?: Readonly<Record<string, string>>;
}

const textSchema = singleLineSchema.optional();

export const ubuntuImagePropsSchema = z.strictObject({
  builder: hypervisorSchema
    .default('virtualbox')
    .meta({ remedy: `use one of: ${hypervisorSchema.options.join(', ')}` }),
  release: z.enum(['24.04']).default('24.04').meta({ remedy: "use '24.04'" }),
  iso: z
    .strictObject({ urls: z.array(singleLineSchema).min(1), sha256: singleLineSchema })
    .optional()
    .meta({ remedy: "say where the installer is and what it must be, { urls: ['https://…'], sha256: '…' }" }),
  ghc: textSchema,
  secondaryGhc: z
    .union([singleLineSchema, z.array(singleLineSchema)])
    .nullable()
    .optional(),
  cabal: textSchema,
  toolchain: z.enum(['ghcup', 'distribution']).default('ghcup').meta({ remedy: 'use one of: ghcup, distribution' }),
  indexState: textSchema,
  packages: z.array(singleLineSchema).optional(),
  overlays: overlaysSchema,
  disk: sizeSchema.optional(),
  locale: textSchema,
  keyboard: textSchema,
  timezone: textSchema,
  variables: z.record(z.string(), singleLineSchema).default({}),
});

/** Ubuntu by its own installer in a virtual machine, run by Packer. */
export function ubuntuImage(image: ImagePlace, props: z.infer<typeof ubuntuImagePropsSchema>): ImageSource {
  const { builder, release, iso, packages, disk, locale, keyboard, timezone, variables } = props;
  const { urls, sha256 } = iso ?? UBUNTU_ISO[release];
  const overlays = readOverlays(props.overlays, image.projectDirectory, image.path);
  const assets = imageAssets().filter(({ path }) => !path.startsWith('debian/'));
  const declared = (files: ImageSource['files']) =>
    ({
      name: image.name,
      base: { kind: 'ubuntu', release, architecture: 'amd64', iso: { urls: [...urls], sha256 }, builder, variables },
      toolchain: toolchain(props),
      packages: packages ?? [...DEFAULT_IMAGE_PACKAGES],
      ...listed(files),
      overlays: overlays.overlays,
      ...{ diskMib: disk?.toMebibytes(), locale, keyboard, timezone },
    }) satisfies ImageDefinitionProps;
  // the template says what is declared, and what is declared lists the template
  const files = [...assets, ...renderPackerFiles(imageDefinition(declared(assets), image.path))];
  return { files: [...files, ...overlays.files], definition: declared(files) };
}

function toolchain({
  toolchain: kind,
  ghc = DEFAULT_GHCUP_TOOLCHAIN.ghc,
  cabal = DEFAULT_GHCUP_TOOLCHAIN.cabal,
  secondaryGhc,
  indexState,
}: z.infer<typeof ubuntuImagePropsSchema>): NonNullable<ImageDefinitionProps['toolchain']> {
  if (kind === 'distribution') return { kind, ghc, cabal };
  return {
    kind,
    ghcup: DEFAULT_GHCUP_TOOLCHAIN.ghcup,
    ghc,
    secondaryGhc: secondaryGhc === undefined ? DEFAULT_GHCUP_TOOLCHAIN.secondaryGhc : secondaryGhc,
    cabal,
    indexState: indexState ?? null,
  };
}
