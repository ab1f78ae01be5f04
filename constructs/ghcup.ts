import type { z } from 'zod';
import { FleetError } from '../src/model/errors';
import {
  DEFAULT_GHCUP_TOOLCHAIN,
  type GhcupMirror,
  type ghcupToolchainSchema,
  versionSchema,
} from '../src/model/image-definition';

/** Compilers that GHCup installs while an image is built. Made by {@link ghcup}. */
export type GhcupToolchain = z.input<typeof ghcupToolchainSchema>;

export interface GhcupOptions {
  /**
   * GHCs, the default first.
   * @default ['9.8.4', '9.6.6']
   */
  readonly ghc?: string | readonly string[];
  /**
   * Version of cabal-install.
   * @default '3.12.1.0'
   */
  readonly cabal?: string;
  /**
   * Moment of the package index that the image knows, `2026-01-31T00:00:00Z`.
   * @default the newest while building
   */
  readonly indexState?: string;
  /**
   * GHCup itself: version, and sha256 of its program.
   * @default the version that was tried
   */
  readonly program?: { readonly version: string; readonly sha256: string };
  /**
   * Hosts to download from instead of GHCup's own, for networks that do not reach those.
   * @default downloads.haskell.org, GHCup's own list and keyserver.ubuntu.com
   */
  readonly mirror?: GhcupMirror;
}

/**
 * A toolchain from GHCup: pinned, verified by its signed list of downloads, and kept in the cache of images.
 *
 * @throws FleetError `bad-property` without a GHC, or for what is no exact version of one
 */
export function ghcup(options: GhcupOptions = {}): GhcupToolchain {
  const { ghcup: pinned, ghc, secondaryGhc, cabal, indexState } = DEFAULT_GHCUP_TOOLCHAIN;
  const [first, ...further] = [options.ghc ?? [ghc, secondaryGhc]].flat();
  const bad = [first, ...further].find((version) => !versionSchema.safeParse(version).success);
  if (first === undefined || bad !== undefined) {
    throw new FleetError({
      code: 'bad-property',
      problem: first === undefined ? 'ghc names no version' : 'ghc names what is no exact version',
      place: 'ghcup',
      value: bad ?? options.ghc,
      remedy: "name each in full, ghcup({ ghc: ['9.8.4', '9.6.6'] }), or leave ghc out for these two",
    });
  }
  return {
    kind: 'ghcup',
    ghcup: options.program ?? pinned,
    ghc: first,
    secondaryGhc: further.length === 0 ? null : further,
    cabal: options.cabal ?? cabal,
    indexState: options.indexState ?? indexState,
    ...(options.mirror === undefined ? {} : { mirror: options.mirror }),
  };
}
