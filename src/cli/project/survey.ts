import { type Dirent, existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { FleetError } from '../../model/errors';
import { CommandError } from '../../process/run';
import { FETCHED_MARK, fetchedIn } from './fetched';
import { type GitTools, gitPaths, isIgnored, workTreeAround } from './git-paths';
import { filterRules, type KnownPaths } from './ignore-rules';
import { visibleName } from './visible-name';
import { Stage } from './stage';

/** What the user allows to be sent, beyond what is sent by itself. */
export interface Sending {
  /** Files and directories that links may lead to: absolute, without symbolic links. */
  readonly follow: readonly string[];
  /** Whether what git ignores is sent as well. */
  readonly ignored: boolean;
  /** Whether git there shall be able to describe the version. */
  readonly git?: boolean;
  /** Of the user. A work tree that is or holds it sets no bounds to links. */
  readonly home: string;
}

/** What is in a project, and what of it is sent. */
export interface Survey {
  readonly known: KnownPaths;
  /** What links lead to and is sent in their place. */
  readonly stage: Stage;
  /** What people have to know, one line each. */
  readonly remarks: readonly string[];
}

export interface SurveyRequest {
  /** Absolute path of the project, without symbolic links. */
  readonly root: string;
  /** Content of its ignore file. */
  readonly ignoreFile: string;
  readonly sending: Sending;
  /** Absolute path of a directory of ours, for files that are needed while the project is sent. */
  readonly scratch: string;
}

/** Never sent, or not by itself, and can be large. */
const SKIPPED: readonly string[] = ['.git', 'dist-newstyle', '.stack-work'];

/** In a directory that cabal builds in, which `--builddir` can give any name. */
const PLAN_OF_CABAL = 'cache/improved-plan';

/** Repositories in a project that are asked: each costs some milliseconds. */
const MOST_REPOSITORIES = 100;

/** Links that get a rule each. Further ones are sent as links that lead nowhere there: each rule costs time. */
const MOST_UNSENT = 1000;

interface Link {
  /** Absolute. */
  readonly path: string;
  /** Relative to the project, where it is as the machine sees it. */
  readonly place: string;
}

/**
 * Looks at a project before it is sent: what git ignores, and links that lead out of it.
 *
 * A link is followed when what it leads to is in the git work tree and not ignored, or allowed by the user. Copies are
 * made of that, so that nothing else has to follow links.
 *
 * @throws FleetError `git-failed`, `ignore-file-refused`, `links-too-large` or `too-many-repositories`
 */
export async function surveyProject(tools: GitTools, request: SurveyRequest): Promise<Survey> {
  const surveyor = new Surveyor(tools, request);
  await surveyor.look();
  return surveyor.survey;
}

class Surveyor {
  private readonly products: string[] = [];
  private readonly unsent: string[] = [];
  private readonly ignored: string[] = [];
  private readonly tracked: string[] = [];
  private readonly remarks: string[] = [];
  private readonly stage: Stage;
  /** Absolute paths of what git ignores. */
  private readonly ignoredPaths = new Set<string>();
  private repositories = 0;
  /** Links may lead anywhere in it. */
  private bounds: string;

  constructor(
    private readonly tools: GitTools,
    private readonly request: SurveyRequest,
  ) {
    this.bounds = request.root;
    this.stage = new Stage(join(request.scratch, 'stage'), request.root);
  }

  get survey(): Survey {
    const { products, unsent, ignored, tracked, stage, remarks } = this;
    return { known: { products, unsent: unsent.slice(0, MOST_UNSENT), ignored, tracked }, stage, remarks };
  }

  async look(): Promise<void> {
    const { root, sending } = this.request;
    const top = sending.ignored ? workTreeAround(root) : await this.askGit(root, '');
    if (top !== undefined && !holds(top, sending.home)) this.bounds = top;
    const links: Link[] = [];
    await this.collect(root, '', links);
    for (const link of await this.notIgnoredByFile(links)) {
      if (!(await this.follow(link, []))) this.unsent.push(link.place);
    }
    this.stage.finish();
  }

  /** Learns what git ignores in a directory, and gives the work tree around it. */
  private async askGit(directory: string, place: string): Promise<string | undefined> {
    if (++this.repositories > MOST_REPOSITORIES) throw tooManyRepositories(this.request.root);
    const { top, ignoresAll, ignored, tracked, remark } = await gitPaths(this.tools, directory);
    if (remark !== undefined) this.remarks.push(remark);
    if (ignoresAll) this.remarks.push(`git ignores ${visibleName(directory)} as a whole, so nothing in it is left out`);
    for (const path of ignored) {
      this.ignored.push(join(place, path));
      this.ignoredPaths.add(join(directory, path).replace(/\/$/, ''));
    }
    this.tracked.push(...tracked.map((path) => join(place, path)));
    return ignoresAll ? undefined : top;
  }

  /** Links below a directory of the project that lead out of the project. */
  private async collect(directory: string, place: string, links: Link[]): Promise<void> {
    for (const entry of await this.entriesOf(directory, place)) {
      const link = { path: join(directory, entry.name), place: join(place, entry.name) };
      if (entry.isDirectory()) await this.collect(link.path, link.place, links);
      else if (entry.isSymbolicLink() && leadsOut(link.place, targetOf(link.path))) links.push(link);
    }
  }

  /** Without what is ignored. A repository in it is asked. */
  private async entriesOf(directory: string, place: string): Promise<Dirent[]> {
    const entries = namesIn(directory);
    if (this.isProduct(directory, place, entries)) return [];
    const isRepository = directory !== this.request.root && entries.some(({ name }) => name === '.git');
    if (isRepository && !this.request.sending.ignored) await this.askGit(directory, place);
    return entries.filter(({ name }) => !SKIPPED.includes(name) && !this.ignoredPaths.has(join(directory, name)));
  }

  /** Whether all in a directory was fetched, or built by cabal. Of another one, notes what was fetched into it. */
  private isProduct(directory: string, place: string, entries: readonly Dirent[]): boolean {
    const isMarked = entries.some(({ name }) => name === FETCHED_MARK);
    const isBuilt = entries.some(({ name }) => name === 'cache') && existsSync(join(directory, PLAN_OF_CABAL));
    const fetched = isMarked ? fetchedIn(directory) : [];
    if (place !== '' && (isBuilt || fetched === 'all')) {
      this.products.push(`${place}/`);
      return true;
    }
    if (isMarked) this.products.push(join(place, FETCHED_MARK));
    if (fetched !== 'all') this.products.push(...fetched.map((path) => join(place, path)));
    return false;
  }

  /** Those that the project's own patterns leave, by rsync itself: what they match is for it to say. */
  private async notIgnoredByFile(links: readonly Link[]): Promise<readonly Link[]> {
    const { root, ignoreFile, scratch } = this.request;
    if (links.length === 0 || ignoreFile.trim() === '') return links;
    const rules = join(scratch, 'own-rules');
    const list = join(scratch, 'links');
    writeFileSync(rules, filterRules(ignoreFile).join('\0'));
    const asked = new Set(links.flatMap(({ place }) => [...directoriesAbove(place), place]));
    writeFileSync(list, [...asked].join('\0'));
    const args = [
      ...['--dirs', '--links', '--dry-run', '--8-bit-output', '--out-format=%n', '--from0'],
      ...['--filter', `merge ${rules}`, `--files-from=${list}`, '--', `${root}/`, join(scratch, 'nowhere/')],
    ];
    let stdout: string;
    try {
      ({ stdout } = await this.tools.run('rsync', args, { signal: this.tools.signal, acceptExitCodes: [0, 23, 24] }));
    } catch (error) {
      // The transfer tells that it is missing, with the remedy.
      if (error instanceof CommandError && error.code === 'ENOENT') return links;
      throw error;
    }
    const sent = new Set(stdout.split('\n').map((name) => unescaped(name).replace(/\/$/, '')));
    return links.filter(({ place }) => [...directoriesAbove(place), place].every((path) => sent.has(path)));
  }

  /**
   * Copies what a link leads to, where that may be.
   *
   * @param stack directories that are being copied because of links
   */
  private async follow(link: Link, stack: readonly string[]): Promise<boolean> {
    const leave = (why: string): false => {
      this.remarks.push(`not sent: ${visibleName(link.place)}: ${why}`);
      return false;
    };
    let real: string;
    try {
      real = realpathSync(link.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ELOOP') return leave('leads in a circle');
      return leave(`leads to what is not there, ${visibleName(targetOf(link.path))}`);
    }
    const within = [...stack, dirname(link.path)];
    if (within.some((directory) => holds(real, directory))) return leave('leads to a directory that holds it');
    const remedy = `--follow ${visibleName(real)} sends it`;
    const status = lstatSync(real, { throwIfNoEntry: false });
    if (status?.isFile() !== true && status?.isDirectory() !== true) return leave('leads to what is no file');
    if (!this.request.sending.follow.some((allowed) => holds(allowed, real))) {
      if (!holds(this.bounds, real)) return leave(`leads out of the project, to ${visibleName(real)}; ${remedy}`);
      if (isOfGit(relative(this.bounds, real))) return leave("leads to git's own files");
      if (!this.request.sending.ignored && (await this.gitIgnores(real, status.isDirectory())))
        return leave(`leads to what git ignores, ${visibleName(real)}; ${remedy}`);
    }
    try {
      if (status.isDirectory()) await this.copy({ path: real, place: link.place }, real, within);
      else if (!this.stage.addFile(real, link.place)) return leave('leads to what has just changed');
    } catch (error) {
      if (!isAccessError(error)) throw error;
      return leave(`leads to what cannot be read, ${visibleName(real)}`);
    }
    this.remarks.push(`sent as what it leads to: ${visibleName(link.place)}: ${visibleName(real)}`);
    return true;
  }

  private async gitIgnores(real: string, isDirectory: boolean): Promise<boolean> {
    for (let path = real; path !== dirname(path); path = dirname(path)) if (this.ignoredPaths.has(path)) return true;
    if (isDirectory) return (await gitPaths(this.tools, real)).ignoresAll;
    return isIgnored(this.tools, real);
  }

  /** @param top what the link leads to: links that stay in it stay links */
  private async copy(from: Link, top: string, stack: readonly string[]): Promise<void> {
    this.stage.addDirectory(from.place);
    if (from.path === top && !this.request.sending.ignored) await this.askGit(top, from.place);
    for (const entry of await this.entriesOf(from.path, from.place)) {
      const inner = { path: join(from.path, entry.name), place: join(from.place, entry.name) };
      if (entry.isDirectory()) await this.copy(inner, top, stack);
      else if (entry.isFile()) this.stage.addFile(inner.path, inner.place);
      else if (entry.isSymbolicLink()) {
        const target = targetOf(inner.path);
        if (leadsOut(relative(top, inner.path), target)) await this.follow(inner, stack);
        else this.stage.addLink(target, inner.place);
      }
    }
  }
}

function namesIn(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    // What cannot be looked into is told by rsync, and better.
    return [];
  }
}

/** Empty for what is no link any more. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** What rsync calls unsafe: absolute, or on its way above the top of what is sent. */
function leadsOut(path: string, target: string): boolean {
  if (isAbsolute(target)) return true;
  let depth = path.split('/').length - 1;
  for (const component of target.split('/')) {
    if (component === '..') depth--;
    else if (component !== '.' && component !== '') depth++;
    if (depth < 0) return true;
  }
  return false;
}

/** Whether a path is a directory or file itself, or is below it. */
export function holds(directory: string, path: string): boolean {
  return directory === '/' || directory === path || path.startsWith(`${directory}/`);
}

/** A repository holds the passwords of its remotes. */
function isOfGit(path: string): boolean {
  return path.split('/').some((component) => component.toLowerCase() === '.git');
}

/** From the outermost one. */
function directoriesAbove(place: string): string[] {
  return [...place.matchAll(/\//g)].map(({ index }) => place.slice(0, index));
}

/** rsync prints control characters as `\#012`. */
export function unescaped(name: string): string {
  return name.replace(/\\#(\d{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)));
}

function isAccessError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' || code === 'ENOENT' || code === 'ELOOP';
}

function tooManyRepositories(place: string): FleetError {
  return new FleetError({
    code: 'too-many-repositories',
    problem: `there are more than ${MOST_REPOSITORIES} git repositories in the project`,
    place,
    remedy: 'send what they ignore as well, with --send-ignored',
  });
}
