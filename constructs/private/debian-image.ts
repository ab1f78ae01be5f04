import { z } from 'zod';
import { type DebianSuite, debianSuiteSchema, ghcupToolchainSchema } from '../../src/model/image-definition';
import { imageAssets } from '../../src/images/assets';
import { FleetError } from '../../src/model/errors';
import type { GhcupToolchain } from '../ghcup';
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
   * Compilers that do not come from the distribution, `ghcup({ ghc: ['9.8.4', '9.6.6'], cabal: '3.12.1.0' })`.
   * @default GHC and cabal of the distribution, which need no other host than Debian's archive
   */
  readonly toolchain?: GhcupToolchain;
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

// GHCup takes 9.8 for the newest of its kind, which is not the same one tomorrow
const GHC_VERSION = /^\d+(\.\d+){2,}$/;

const toolchainSchema = ghcupToolchainSchema.superRefine((toolchain, context) => {
  const versions = [toolchain.ghc, ...[toolchain.secondaryGhc ?? []].flat()];
  const vague = versions.find((version) => version !== '' && !GHC_VERSION.test(version));
  const repeated = versions.find((version, index) => versions.indexOf(version) !== index);
  if (vague !== undefined)
    context.addIssue({ code: 'custom', message: `must name full versions such as 9.8.4, which "${vague}" is not` });
  if (repeated !== undefined) context.addIssue({ code: 'custom', message: `names GHC ${repeated} twice` });
});

export const debianImagePropsSchema = z.strictObject({
  ghc: textSchema,
  toolchain: toolchainSchema.optional().meta({ remedy: "use ghcup({ ghc: ['9.8.4', '9.6.6'], cabal: '3.12.1.0' })" }),
  suite: debianSuiteSchema.default('trixie').meta({ remedy: `use one of: ${debianSuiteSchema.options.join(', ')}` }),
  mirror: textSchema,
  snapshot: textSchema,
  ...imagePropsSchema.shape,
});

/**
 * Debian by mmdebstrap, toolchain from the distribution or by GHCup.
 *
 * @throws FleetError when both are asked for
 */
export function debianImage(image: ImagePlace, props: z.infer<typeof debianImagePropsSchema>): ImageSource {
  const { ghc, toolchain, suite, mirror = null, snapshot = null } = props;
  if (ghc !== undefined && toolchain !== undefined) {
    throw new FleetError({
      code: 'bad-property',
      problem: "ghc is the distribution's, and toolchain says that there is none",
      place: image.path,
      value: ghc,
      remedy: 'leave out one of the two',
    });
  }
  const files = imageAssets();
  const overlays = common(image, props);
  return {
    files: [...files, ...overlays.files],
    ghc,
    definition: {
      ...overlays.declared,
      toolchain,
      base: { kind: 'debian', suite, architecture: 'amd64', mirror, snapshot },
      ...listed(files),
    },
  };
}
