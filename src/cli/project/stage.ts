import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { FleetError } from '../../model/errors';
import { visibleName } from './visible-name';

/** Most that links may lead to, all together: it is copied for each synchronisation. */
const MOST_BYTES = 512 * 1024 * 1024;
const MOST_ENTRIES = 20_000;

/**
 * A directory beside the project that holds copies of what its links lead to, at the paths of the links. rsync sends both
 * directories as one and follows no link: what a link leads to once rsync looks at it does not matter.
 */
export class Stage {
  private bytes = 0;
  private entries = 0;
  private readonly above = new Set<string>();

  /** @param directory absolute path; made with the first entry */
  constructor(
    readonly directory: string,
    private readonly root: string,
  ) {}

  get isEmpty(): boolean {
    return this.entries === 0;
  }

  /**
   * Copies a file.
   *
   * @param source absolute path without symbolic links
   * @param place where it is in the project, relative
   * @returns whether it was still a file, at that path
   * @throws FleetError `links-too-large`
   */
  addFile(source: string, place: string): boolean {
    const file = openSync(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = fstatSync(file);
      const opened = `/proc/self/fd/${file}`;
      if (!status.isFile() || readlinkSync(opened) !== source) return false;
      this.count(place, status.size);
      const copy = this.makeWay(place);
      copyFileSync(opened, copy, constants.COPYFILE_FICLONE);
      chmodSync(copy, (status.mode & 0o777) | 0o600);
      utimesSync(copy, status.atimeMs / 1000, status.mtimeMs / 1000);
      return true;
    } finally {
      closeSync(file);
    }
  }

  addDirectory(place: string): void {
    this.count(place, 0);
    mkdirSync(this.makeWay(place), { recursive: true });
  }

  /** A link that stays among what is copied. */
  addLink(target: string, place: string): void {
    this.count(place, 0);
    symlinkSync(target, this.makeWay(place));
  }

  /** Gives the directories on the way the times and modes that they have in the project. */
  finish(): void {
    for (const place of this.above) {
      const original = lstatSync(join(this.root, place), { throwIfNoEntry: false });
      if (original?.isDirectory() !== true) continue;
      chmodSync(join(this.directory, place), (original.mode & 0o777) | 0o700);
      utimesSync(join(this.directory, place), original.atimeMs / 1000, original.mtimeMs / 1000);
    }
  }

  private makeWay(place: string): string {
    for (let at = dirname(place); ; at = dirname(at)) {
      this.above.add(at);
      if (at === '.') break;
    }
    const path = join(this.directory, place);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  }

  private count(place: string, bytes: number): void {
    this.bytes += bytes;
    this.entries++;
    if (this.bytes <= MOST_BYTES && this.entries <= MOST_ENTRIES) return;
    throw new FleetError({
      code: 'links-too-large',
      problem: `links lead to more than ${MOST_BYTES / 1024 / 1024} MiB or ${MOST_ENTRIES} files outside of the project`,
      place: this.root,
      value: visibleName(place),
      remedy: 'copy it into the project, or name the link in .buildfleetignore',
    });
  }
}
