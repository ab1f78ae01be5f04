import { z } from 'zod';
import {
  asUbuntu,
  DEFAULT_GHCUP_TOOLCHAIN,
  type ImageDefinitionProps,
  imageDefinition,
  type PackerBuilder,
  packerBuilderSchema,
  type PackerPlugin,
  packerPluginSchema,
  UBUNTU_ISO,
} from '../../src/model/image-definition';
import { singleLineSchema } from '../../src/model/names';
import { renderPackerFiles } from '../../src/images/packer/rendered-files';
import { checkPackerVariables } from '../../src/images/packer/variables';
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

export interface UbuntuImageProps extends ImageProps {
  /**
   * Hypervisor of the machine that Ubuntu is installed on.
   * @default 'virtualbox'
   */
  readonly builder?: PackerBuilder;
  /**
   * Ubuntu release.
   * @default '24.04'
   */
  readonly release?: '24.04';
  /**
   * Installer to use instead of the release's own: where it is, in the order of trying, and its sha256.
   * @default the latest that is known
   */
  readonly iso?: { readonly urls: readonly string[]; readonly sha256: string };
  /**
   * GHC that is the default.
   * @default '9.8.4'
   */
  readonly ghc?: string;
  /**
   * Further GHCs: one, a list, or null for none.
   * @default '9.6.6'
   */
  readonly secondaryGhc?: string | readonly string[] | null;
  /**
   * Version of cabal-install.
   * @default '3.12.1.0'
   */
  readonly cabal?: string;
  /**
   * Source of the compilers.
   * @default 'ghcup', a pinned and verified one
   */
  readonly toolchain?: 'ghcup' | 'distribution';
  /**
   * Moment of the package index that the image knows, `2026-01-31T00:00:00Z`.
   * @default the newest while building
   */
  readonly indexState?: string;
  /**
   * Version of the plugin that Packer runs each builder with, and sha256 of its program, which a build then compares;
   * Packer 1.6.6 has none.
   * @default the versions that were tried, compared with the checksums of their release only
   */
  readonly plugins?: Readonly<Partial<Record<PackerBuilder, PackerPlugin>>>;
  /**
   * Values for further variables of the Packer template, such as `boot_wait`.
   * @default none
   */
  readonly variables?: Readonly<Record<string, string>>;
}

export const ubuntuImagePropsSchema = z.strictObject({
  builder: packerBuilderSchema
    .default('virtualbox')
    .meta({ remedy: `use one of: ${packerBuilderSchema.options.join(', ')}` }),
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
  ...imagePropsSchema.shape,
  plugins: z
    .partialRecord(packerBuilderSchema, packerPluginSchema)
    .optional()
    .meta({ remedy: "name a version, { qemu: { version: '1.1.4', sha256: '…' } }" }),
  variables: z.record(z.string(), singleLineSchema).default({}),
});

/** Ubuntu by its own installer in a virtual machine, run by Packer. */
export function ubuntuImage(image: ImagePlace, props: z.infer<typeof ubuntuImagePropsSchema>): ImageSource {
  const { builder, release, iso, plugins, variables } = props;
  const { urls, sha256 } = iso ?? UBUNTU_ISO[release];
  const overlays = common(image, props);
  const assets = imageAssets().filter(({ path }) => !path.startsWith('debian/'));
  const declared = (files: ImageSource['files']): ImageDefinitionProps => ({
    ...overlays.declared,
    base: {
      ...{ kind: 'ubuntu', release, architecture: 'amd64', iso: { urls: [...urls], sha256 }, builder, variables },
      ...(plugins === undefined ? {} : { plugins }),
    },
    toolchain: toolchain(props),
    ...listed(files),
  });
  // the template follows from the declaration, and the declaration lists the template
  const described = imageDefinition(declared(assets), image.path);
  checkPackerVariables(asUbuntu(described), image.path);
  const files = [...assets, ...renderPackerFiles(described)];
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
