import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { canonicalPath } from '../../files/links';
import { withFileAdvice } from '../../files/file-errors';
import { CDK_COMMAND } from '../../model/cdk-command';
import { FleetError } from '../../model/errors';
import { definitionHash, type ImageDefinition, parseImageDefinition } from '../../model/image-definition';
import { DEFAULT_CACHE_DIRECTORY } from '../../model/defaults';
import { expandHome } from '../../model/paths';
import { lazy } from '../../model/lazy';
import type { State } from '../../model/resource-shape';
import { imageShape } from '../../model/resources/image';
import { run as runCommand, type Run } from '../../process/run';
import { downloadDirectoryOf, ImageCache } from '../../images/cache';
import { ACCELERATOR_FILE, knownAccelerator } from '../../drivers/qemu/accelerator';
import type { Resource, ResourceContext } from '../plugin/resource';
import type { ProviderSettings } from './settings';

type ImageState = State<typeof imageShape>;
type Declared = Pick<ImageState, 'name' | 'definitionHash' | 'definitionFile' | 'format'>;

/** What an imported image has until the configuration names it. */
const UNKNOWN_NAME = 'imported';

/** Builders of images, loaded when one is missing: a plan only looks at those that exist. */
const builders = lazy<typeof import('../../images/obtain-image')>(() => require('../../images/obtain-image'));

/** The handler of `buildfleet_image`: a cache entry by definition hash, built when there is none. */
export function imageResource(settings: ProviderSettings, run: Run = runCommand): Resource<typeof imageShape> {
  const cacheDirectory = resolve(expandHome(settings.cacheDirectory ?? DEFAULT_CACHE_DIRECTORY, homedir()));
  const cache = new ImageCache(cacheDirectory);

  const obtain = async (declared: Declared, { signal, log, progress }: ResourceContext): Promise<ImageState> => {
    const definition = readDefinition(declared);
    const definitionDirectory = dirname(resolve(declared.definitionFile));
    const image = await withFileAdvice(cacheDirectory, () =>
      builders().obtainImage(cache, {
        ...{ definition, assetsDirectory: definitionDirectory, format: declared.format, run, signal },
        downloadDirectory: downloadDirectoryOf(cacheDirectory),
        accelerator: knownAccelerator(join(cacheDirectory, ACCELERATOR_FILE)),
        onWait: (pid) => {
          progress.step('waiting for another process that builds this image', `process ${pid}`);
          log.info('waiting for another process that builds this image', { image: declared.name, pid });
        },
        progress: (step, detail) => {
          progress.step(step, detail);
          log.info(step, { image: declared.name, ...(detail === undefined ? {} : { detail }) });
        },
      }),
    );
    return {
      ...pickDeclared(declared),
      status: 'present',
      artifactPath: image.diskPath,
      sha256: image.manifest.sha256,
      sizeBytes: image.manifest.sizeBytes,
    };
  };

  return {
    shape: imageShape,
    create: obtain,
    update: async (prior, planned, context) => {
      const state = spelledAs(prior, await obtain(planned, context));
      if (prior.sha256 !== '' && state.sha256 !== prior.sha256) {
        context.warn(
          `image ${planned.name} was rebuilt with other content`,
          'the packages of the archive have moved on since it was first built, so disks made from the lost image cannot be used any more',
        );
      }
      return state;
    },
    read: async (state) => {
      const image = await withFileAdvice(cacheDirectory, () => cache.inspect(state.definitionHash, state.format));
      if (image.status !== 'present')
        return spelledAs(state, {
          ...{ ...state, status: image.status },
          artifactPath: cache.diskPath(state.definitionHash, state.format),
        });
      const { sha256, sizeBytes } = image.manifest;
      return spelledAs(state, {
        ...state,
        status: sha256 === state.sha256 ? 'present' : 'altered',
        artifactPath: image.diskPath,
        sizeBytes,
      });
    },
    plan: (prior) => (prior.status === 'present' ? {} : { unknown: ['sha256', 'sizeBytes'] }),
    // Other fleets may use it, and this one may come back.
    delete: () => Promise.resolve(),
    import: async (id) => {
      const [, definitionHash, format] = /^([0-9a-f]{64})(?:\.(qcow2|ova))?$/.exec(id) ?? [];
      const declared = { definitionHash: definitionHash ?? '', format: (format ?? 'qcow2') as ImageState['format'] };
      const image = await (definitionHash && cache.inspect(definitionHash, declared.format, true));
      if (!image || image.status !== 'present') {
        throw new FleetError({
          code: 'image-not-in-cache',
          problem: 'the image cache has no undamaged image of this definition hash',
          place: cacheDirectory,
          value: id,
          remedy:
            'import the name of a directory in images/, with .ova for the appliance in it, or deploy without importing',
        });
      }
      return {
        ...{ name: UNKNOWN_NAME, ...declared, definitionFile: 'definition.json', status: 'present' },
        ...{ artifactPath: image.diskPath, sha256: image.manifest.sha256, sizeBytes: image.manifest.sizeBytes },
      };
    },
  };
}

/** A disk names its image by one path, so another spelling of the home directory must not be another image. */
function spelledAs({ artifactPath }: ImageState, state: ImageState): ImageState {
  return canonicalPath(artifactPath) === canonicalPath(state.artifactPath) ? { ...state, artifactPath } : state;
}

function pickDeclared({ name, definitionHash, definitionFile, format }: Declared): Declared {
  return { name, definitionHash, definitionFile, format };
}

/** @throws FleetError when the file is not the definition that the plan speaks of */
function readDefinition(declared: Declared): ImageDefinition {
  const file = resolve(declared.definitionFile);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw definitionError('cannot be read', file, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw definitionError('is not JSON', file, cause);
  }
  const definition = parseImageDefinition(value, file);
  if (definitionHash(definition) !== declared.definitionHash) {
    throw definitionError('is not the one with the declared hash', file, undefined);
  }
  return definition;
}

function definitionError(problem: string, place: string, cause: unknown): FleetError {
  return new FleetError({
    code: 'image-definition-file',
    problem: `the definition file ${problem}`,
    place,
    remedy: `run ${CDK_COMMAND} synth again`,
    attribute: 'definitionFile',
    cause,
  });
}
