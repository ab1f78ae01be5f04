import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FleetError, isFleetError } from '../../model/errors';
import { CDK_COMMAND } from '../../model/cdk-command';
import {
  asDebian,
  type DebianImageDefinition,
  definitionHash,
  parseImageDefinition,
} from '../../model/image-definition';

/** A Debian image as synth described it, with the files that it is made of. */
export interface FoundDefinition {
  readonly definition: DebianImageDefinition;
  readonly hash: string;
  readonly assetsDirectory: string;
}

/** Where synth leaves `<stack>/<image>/definition.json`; what is about to be deployed comes before its copy. */
const SYNTHESIZED = ['cdktf.out/stacks', 'rendered'];
const FILE = 'definition.json';
/** Fewer digits of a hash could be a name. */
const SHORTEST_HASH = 6;

/**
 * The definition of one image.
 *
 * @param image its name, or the begin of its hash; undefined for the only one there is
 * @param projects directories in which synth has run
 * @throws FleetError `image-unknown` or `image-ambiguous`, with the images there are
 */
export function findDefinition(image: string | undefined, projects: readonly string[]): FoundDefinition {
  const all = uniqueByHash(projects.flatMap(definitionsIn));
  const found = image === undefined ? all : all.filter((candidate) => isMeant(candidate, image));
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) {
    const choices = (only === undefined ? all : found).map(
      ({ definition, hash }) => `${definition.name} (${hash.slice(0, 12)})`,
    );
    throw new FleetError({
      code: only === undefined ? 'image-unknown' : 'image-ambiguous',
      problem: only === undefined ? 'synth has described no such image here' : 'several images are meant',
      place: projects.join(', '),
      ...(image === undefined ? {} : { value: image }),
      remedy:
        choices.length === 0
          ? `run \`${CDK_COMMAND} synth\` in the project, and this command there, or give --definition`
          : `use one of: ${choices.join(', ')}`,
    });
  }
  return only;
}

/**
 * Reads one definition.
 *
 * @throws FleetError `image-unknown` when it cannot be read, `image-definition-invalid` when it is none,
 *   `image-not-debian` when Packer builds it
 */
export function readDefinition(file: string): FoundDefinition {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new FleetError({
      code: 'image-unknown',
      problem: `the definition cannot be read: ${(cause as Error).message}`,
      place: file,
      remedy: `run \`${CDK_COMMAND} synth\`, and name a definition.json that it wrote`,
      cause,
    });
  }
  const definition = parseImageDefinition(value, file);
  if (definition.base.kind !== 'debian') {
    throw new FleetError({
      code: 'image-not-debian',
      problem: 'two installations by Packer are never the same, bit by bit',
      place: file,
      value: definition.name,
      remedy: 'verify a Debian image',
    });
  }
  return {
    definition: asDebian(definition),
    hash: definitionHash(definition),
    assetsDirectory: dirname(resolve(file)),
  };
}

function definitionsIn(project: string): FoundDefinition[] {
  return SYNTHESIZED.flatMap((parent) => filesBelow(join(project, parent)))
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      try {
        return [readDefinition(file)];
      } catch (error) {
        // of another version of this program, or of an image that is not built here
        if (isFleetError(error)) return [];
        throw error;
      }
    });
}

function filesBelow(directory: string): string[] {
  return subdirectories(directory)
    .flatMap(subdirectories)
    .map((image) => join(image, FILE));
}

function subdirectories(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(directory, name));
}

function uniqueByHash(definitions: readonly FoundDefinition[]): FoundDefinition[] {
  return [...new Map(definitions.map((each) => [each.hash, each])).values()];
}

function isMeant({ definition, hash }: FoundDefinition, image: string): boolean {
  return definition.name === image || (image.length >= SHORTEST_HASH && hash.startsWith(image));
}
