import { existsSync, readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';

/** Directories that are looked into for packages at most, and how deep. */
const MOST_DIRECTORIES = 5000;
const DEEPEST = 8;

/** What cabal says before it has GHC work on a part of a package. */
const ANNOUNCEMENT = /^(?:Configuring|Preprocessing|Building)\b.* for ([A-Za-z][A-Za-z0-9-]*)-\d+(?:\.\d+)*\.{2,3}\s*$/;

/** A place in a source as compilers print it: the path, and in front of line and column. A colour may precede it. */
const PLACE =
  // eslint-disable-next-line no-control-regex -- a colour is an escape sequence
  /(?<=^|[\s('"]|\u001b\[[\d;]*m)[^\s:()'"\u001b[\]]+\.(?:l?hs|hs-boot|hsig|hsc|chs|x|l?y|c|cc|cpp|cxx|h|cmm|S)(?=:(?:\d+:\d+|\(\d+,\d+\)))/g;

/**
 * Paths of compilers, which work in the directory of a package, as paths from the project's root, so that editors and
 * terminals find the files. A path is changed only where it is certain which file is meant.
 */
export class PackagePaths {
  private found: ReadonlyMap<string, string> | undefined;
  /** Directory of the package that is worked on, as far as cabal has said. */
  private current: string | undefined;
  private readonly known = new Map<string, string>();

  /**
   * @param root absolute path of the project
   * @param workspace absolute path of its workspace on the VM
   */
  constructor(
    private readonly root: string,
    private readonly workspace: string,
  ) {}

  /** @param line bytes as latin1 characters, which is what comes back */
  rewrite(line: string): string {
    const [, name] = ANNOUNCEMENT.exec(line) ?? [];
    if (name !== undefined && this.packages.get(name) !== this.current) {
      this.current = this.packages.get(name);
      this.known.clear();
    }
    return line.replace(PLACE, (path) => {
      const better = this.known.get(path) ?? this.fromRoot(path);
      this.known.set(path, better);
      return better;
    });
  }

  private fromRoot(bytes: string): string {
    const path = Buffer.from(bytes, 'latin1').toString();
    const better = this.better(path);
    return better === undefined ? bytes : Buffer.from(better).toString('latin1');
  }

  private better(path: string): string | undefined {
    if (path.startsWith(`${this.workspace}/`)) {
      const inside = path.slice(this.workspace.length + 1);
      return this.isThere(inside) ? inside : undefined;
    }
    if (path.startsWith('/')) return undefined;
    const below = (directory: string) => normalize(join(directory, path));
    if (this.current !== undefined && this.isThere(below(this.current))) return below(this.current);
    if (this.isThere(path)) return undefined;
    const possible = new Set([...this.packages.values()].map(below).filter((one) => this.isThere(one)));
    const [only] = possible;
    return possible.size === 1 ? only : undefined;
  }

  private isThere(path: string): boolean {
    return !normalize(path).startsWith('../') && existsSync(join(this.root, path));
  }

  /** Directories of packages, relative to the root, by the packages' names. */
  private get packages(): ReadonlyMap<string, string> {
    return (this.found ??= packagesIn(this.root));
  }
}

function packagesIn(root: string): ReadonlyMap<string, string> {
  const packages = new Map<string, string>();
  let room = MOST_DIRECTORIES;
  const look = (directory: string, depth: number): void => {
    if (room-- <= 0 || depth > DEEPEST) return;
    for (const entry of entriesOf(join(root, directory))) {
      if (entry.isFile() && entry.name.endsWith('.cabal'))
        packages.set(entry.name.slice(0, -'.cabal'.length), directory);
      const isSource = !entry.name.startsWith('.') && !/^(dist-newstyle|dist|node_modules|result)$/.test(entry.name);
      if (entry.isDirectory() && isSource) look(join(directory, entry.name), depth + 1);
    }
  };
  look('', 0);
  return packages;
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
