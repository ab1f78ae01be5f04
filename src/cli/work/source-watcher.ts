import { existsSync, type Stats } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { FleetError, isFleetError } from '../../model/errors';
import { lazy } from '../../model/lazy';
import { FETCHED_MARK } from '../project/fetched';
import { gitPaths, type GitTools, workTreeAround } from '../project/git-paths';
import { readIgnoreFile } from '../project/ignore-file';
import { sentAmong } from '../project/sent-among';
import type { Sending } from '../project/survey';

const chokidar = lazy<typeof import('chokidar')>(() => require('chokidar'));

/** Never watched, also where it is sent: builds and git write there all the time. */
const NEVER_WATCHED: readonly string[] = ['.git', 'dist-newstyle', '.stack-work'];

/** What an editor does to save a file, or to save several, has steps that are closer to each other, in ms. */
const QUIET_MS = 60;

/** Longest that a project which changes all the time is waited for, in ms. */
const PATIENCE_MS = 2000;

/** Longest that git is waited for while it changes files, in ms. */
const GIT_MS = 20_000;

export interface WatchRequest {
  /** Absolute path of the project, without symbolic links. */
  readonly root: string;
  readonly sending: Sending;
  /** Called with the files that have changed and are sent, relative to the root: once for all that belongs together. */
  readonly onChange: (paths: readonly string[]) => void;
  /** Called with what keeps changes from being seen. */
  readonly onError: (error: unknown) => void;
}

/** Watches what is sent of a project. */
export class SourceWatcher {
  private readonly changed = new Set<string>();
  /** When the first of them changed. */
  private since = 0;
  private timer: NodeJS.Timeout | undefined;
  private watcher: FSWatcher | undefined;
  private readonly lock: string | undefined;

  private constructor(
    private readonly tools: GitTools,
    private readonly request: WatchRequest,
  ) {
    const top = workTreeAround(request.root);
    this.lock = top === undefined ? undefined : join(top, '.git/index.lock');
  }

  /**
   * Resolves when every later change is seen.
   *
   * @throws FleetError `git-failed`, `ignore-file-refused`, `watch-failed`
   */
  static async start(tools: GitTools, request: WatchRequest): Promise<SourceWatcher> {
    const watcher = new SourceWatcher(tools, request);
    await watcher.open();
    return watcher;
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.watcher?.close();
  }

  private async open(): Promise<void> {
    const { root, sending, onError } = this.request;
    // What a line of the ignore file brings back may be in a directory that git ignores.
    const bringsBack = readIgnoreFile(root)
      .split('\n')
      .some((line) => line.startsWith('!'));
    const ignored = sending.ignored || bringsBack ? [] : (await gitPaths(this.tools, root)).ignored;
    const unwatched = new Set(ignored.map((path) => join(root, path).replace(/\/$/, '')));
    const watcher = chokidar().watch(root, {
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path: string, status?: Stats) =>
        path !== root &&
        (NEVER_WATCHED.includes(basename(path)) ||
          unwatched.has(path) ||
          (status?.isDirectory() === true && existsSync(join(path, FETCHED_MARK)))),
    });
    this.watcher = watcher;
    await new Promise<void>((resolve, reject) => {
      let isReady = false;
      watcher.on('ready', () => {
        isReady = true;
        resolve();
      });
      watcher.on('error', (error) => {
        const failure = watchFailed(root, error);
        if (isReady) onError(failure);
        else reject(failure);
      });
    });
    for (const event of ['add', 'change', 'unlink'] as const)
      watcher.on(event, (path) => {
        this.note(relative(root, path));
      });
  }

  private note(path: string): void {
    if (this.changed.size === 0) this.since = Date.now();
    this.changed.add(path);
    if (Date.now() - this.since < PATIENCE_MS || this.timer === undefined) this.wait();
  }

  /** @param afterGit whether git has been at work a moment ago */
  private wait(afterGit = false): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // A branch that is checked out changes file by file, and the last ones are seen when git has ended.
      const isGitAtWork = this.lock !== undefined && existsSync(this.lock);
      if ((isGitAtWork || afterGit) && Date.now() - this.since < GIT_MS) this.wait(isGitAtWork);
      else void this.tell();
    }, QUIET_MS);
  }

  private async tell(): Promise<void> {
    const { root, sending, onChange, onError } = this.request;
    const paths = [...this.changed];
    this.changed.clear();
    try {
      const sent = await sentAmong(this.tools, { root, sending, paths });
      if (sent.length > 0 && !this.tools.signal.aborted) onChange(sent);
    } catch (error) {
      if (this.tools.signal.aborted) return;
      if (isFleetError(error)) onError(error);
      // An interrupt that is for another program has ended what looked: all of them may be sent.
      else onChange(paths);
    }
  }
}

function watchFailed(root: string, cause: unknown): FleetError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EMFILE';
  return new FleetError({
    code: 'watch-failed',
    problem: isFull ? 'the system watches no more files for this account' : `the project cannot be watched: ${message}`,
    place: root,
    remedy: isFull
      ? 'raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl'
      : 'put right what it names, or build without --watch',
    cause,
  });
}
