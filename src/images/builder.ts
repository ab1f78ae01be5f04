import type { ImageDefinition } from '../model/image-definition';
import type { Run } from '../process/run';

/** Called at each step of a build, and with the output of the step's tool. */
export type BuildProgress = (step: string, detail?: string) => void;

/** Input of every builder of disks. */
export interface ImageBuildRequest {
  readonly definition: ImageDefinition;
  /** Holds the assets under the paths of the definition. */
  readonly assetsDirectory: string;
  /** Empty, belongs to this build, on the file system where the disk shall end. */
  readonly workDirectory: string;
  /** Where builders keep what they have downloaded and verify again; made when it is needed. */
  readonly downloadDirectory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly progress: BuildProgress;
}

/** A finished disk and what it was made of. */
export interface BuiltDisk {
  /** In the work directory, in the builder's format. */
  readonly path: string;
  /** Versions by package name, as resolved. */
  readonly packages: Readonly<Record<string, string>>;
  /** sha256 of each signed Release file by the name apt gives it. */
  readonly releases: Readonly<Record<string, string>>;
  /** First line of each tool's `--version`. */
  readonly tools: Readonly<Record<string, string>>;
}
