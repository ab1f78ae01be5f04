import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CDK_COMMAND } from '../../model/cdk-command';
import { FleetError } from '../../model/errors';
import type { Run } from '../../process/run';
import { Repository, type Tree, withUnixLines } from './git';
import type { Side } from './report';

/** Directory that synth renders into, beside `main.ts`. */
export const RENDERED = 'rendered';

/** A rendered tree and where it is from. */
export interface RenderedTree {
  readonly side: Side;
  /** For messages: `HEAD:rendered`, or `rendered` in the working tree. */
  readonly name: string;
  readonly files: Tree;
}

/** Both sides of a comparison. */
export interface Comparison {
  /** Of the rendered trees, relative to the top of the repository. */
  readonly directory: string;
  readonly base: RenderedTree;
  readonly target: RenderedTree;
}

export interface ComparisonOptions {
  /** Revision of the state before. */
  readonly base: string;
  /** Revision of the state after; undefined is the working tree. */
  readonly to: string | undefined;
  /** Directory in the project. */
  readonly directory: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}

/**
 * Reads both rendered trees.
 *
 * @throws FleetError `not-a-repository`, `revision-unknown`, `rendered-missing`, `rendered-unreadable`, …
 */
export async function readTrees({ base, to, directory, run, signal }: ComparisonOptions): Promise<Comparison> {
  const repository = await Repository.around(directory, run, signal);
  const rendered = renderedDirectory(repository);
  const ofRevision = async (revision: string): Promise<RenderedTree> => {
    const commit = await repository.commit(revision);
    const files = await repository.tree(commit, rendered);
    return { side: { revision, commit: commit.id }, name: `${revision}:${rendered}`, files };
  };
  const trees = {
    base: await ofRevision(base),
    target: to === undefined ? workingTree(repository.top, rendered) : await ofRevision(to),
  };
  for (const { files, name } of [trees.base, trees.target]) if (files.size === 0) throw nothingRendered(name);
  return { directory: rendered, ...trees };
}

/** That of the innermost directory that has one; beside the start, where none has. */
function renderedDirectory({ top, prefix }: Repository): string {
  const start = prefix.replace(/\/$/, '');
  for (let directory = start; ; directory = dirname(directory)) {
    if (directory === '' || directory === '.') break;
    if (existsSync(join(top, directory, RENDERED))) return `${directory}/${RENDERED}`;
  }
  return start === '' || existsSync(join(top, RENDERED)) ? RENDERED : `${start}/${RENDERED}`;
}

function workingTree(top: string, rendered: string): RenderedTree {
  const root = join(top, rendered);
  const files = new Map<string, string>();
  try {
    const paths = existsSync(root) ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : [];
    for (const path of paths.sort()) {
      const stats = lstatSync(join(root, path));
      if (stats.isSymbolicLink()) files.set(path, readlinkSync(join(root, path)));
      else if (stats.isFile()) files.set(path, withUnixLines(readFileSync(join(root, path), 'utf8')));
    }
  } catch (cause) {
    throw new FleetError({
      code: 'rendered-unreadable',
      problem: `the working tree cannot be read: ${(cause as Error).message}`,
      place: root,
      remedy: 'make the files readable for this account, or compare two revisions with --to',
      cause,
    });
  }
  return { side: { revision: null, commit: null }, name: rendered, files };
}

function nothingRendered(name: string): FleetError {
  return new FleetError({
    code: 'rendered-missing',
    problem: 'there are no rendered files, so nothing can be said about what they change',
    place: name,
    remedy: name.includes(':')
      ? 'name a revision in which `rendered/` is committed, and run this in its project'
      : `run \`npx ${CDK_COMMAND} synth\`, which writes them, beside main.ts`,
  });
}
