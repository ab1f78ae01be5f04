import { createHash } from 'node:crypto';
import { lstatSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { z } from 'zod';
import { FleetError } from '../../src/model/errors';
import type { ImageDefinitionProps } from '../../src/model/image-definition';
import { singleLineSchema } from '../../src/model/names';
import type { RenderedFile } from './rendered-file';

/** A file that an image gets over what packages and scripts have made. */
export interface ImageOverlay {
  /** Where it is in the image, `/etc/motd`. */
  readonly target: string;
  /** Text file of the project, seen from `main.ts`: `overlays/motd`. */
  readonly file: string;
  /**
   * Its permissions, in octal.
   * @default '0644'
   */
  readonly mode?: string;
}

export const overlaysSchema = z
  .array(z.strictObject({ target: singleLineSchema, file: singleLineSchema, mode: singleLineSchema.default('0644') }))
  .default([])
  .meta({ remedy: "say what goes where, { target: '/etc/motd', file: 'overlays/motd' }" });

/** Overlays as a definition lists them, and their copies beside it, which reviewers compare. */
export interface OverlaySource {
  readonly overlays: NonNullable<ImageDefinitionProps['overlays']>;
  readonly files: readonly RenderedFile[];
}

/** @throws FleetError for a file that is missing, lies elsewhere or is no text */
export function readOverlays(
  overlays: z.infer<typeof overlaysSchema>,
  projectDirectory: string,
  place: string,
): OverlaySource {
  const read = overlays.map(({ target, file, mode }) => {
    const content = readText(file, projectDirectory, place);
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { overlay: { path: `overlays${target}`, target, mode, sha256 }, content };
  });
  return {
    overlays: read.map(({ overlay }) => overlay),
    files: read.map(({ overlay: { path }, content }) => ({ path, content })),
  };
}

function readText(file: string, projectDirectory: string, place: string): string {
  const refuse = (problem: string, cause?: unknown) =>
    new FleetError({
      code: 'overlay-file',
      problem,
      place,
      value: file,
      remedy: 'name a text file of the project, seen from main.ts',
      cause,
    });
  if (posix.isAbsolute(file) || posix.normalize(file) !== file || /^\.\.?(\/|$)/.test(file)) {
    throw refuse('the file of an overlay must lie in the project');
  }
  const path = join(projectDirectory, file);
  let bytes: Buffer;
  try {
    // version control keeps the link, not its target
    if (!lstatSync(path).isFile()) throw new Error('it is no plain file');
    bytes = readFileSync(path);
  } catch (cause) {
    throw refuse(`the file of an overlay cannot be read: ${(cause as Error).message}`, cause);
  }
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw refuse('the file of an overlay is no text in UTF-8');
  return text;
}
