import { createHash } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { syncToDisk, writeFileAtomically } from '../../files/atomic';
import { claimName, isAlive, parseClaim, withLock } from '../../files/lock';
import type { Run } from '../../process/run';
import type { BuiltDisk } from './debian-image';
import { removeStage } from './stage';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** What stands beside a disk in the cache. */
const manifestSchema = z.object({
  formatVersion: z.literal(1),
  definitionHash: sha256Schema,
  sha256: sha256Schema,
  sizeBytes: z.number().int(),
  tools: z.record(z.string(), z.string()),
  packages: z.record(z.string(), z.string()),
  releases: z.record(z.string(), z.string()),
  /** How the file looked when its sha256 was last computed: as long as it looks like this, it is that content. */
  seen: z.object({ inode: z.string(), modified: z.string() }),
});

export type ImageManifest = z.infer<typeof manifestSchema>;

/** What the cache has for a definition. */
export type CachedImage =
  | { readonly status: 'present'; readonly diskPath: string; readonly manifest: ImageManifest }
  | { readonly status: 'missing' | 'altered' };

export interface ObtainOptions {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** Makes the disk in an empty directory of its own. */
  readonly build: (workDirectory: string) => Promise<BuiltDisk>;
  /** Another process builds the same image. */
  readonly onWait: (pid: number) => void;
}

const DISK = 'disk.qcow2';
const MANIFEST = 'manifest.json';
const BUILDING = '.building-';

/**
 * Images by definition hash, shared by all fleets of a user: `images/<hash>/{disk.qcow2,manifest.json}`. A directory
 * of that name is complete, because it gets its name when it is.
 */
export class ImageCache {
  private readonly images: string;

  /** @param cacheDirectory absolute; made when the first image is */
  constructor(private readonly cacheDirectory: string) {
    this.images = join(cacheDirectory, 'images');
  }

  /** Where the disk of a definition lies, or would. */
  diskPath(hash: string): string {
    return join(this.images, hash, DISK);
  }

  /**
   * Looks without changing an image.
   *
   * @param thorough reads the whole disk even if it looks untouched
   */
  async inspect(hash: string, thorough = false): Promise<CachedImage> {
    const diskPath = this.diskPath(hash);
    const found = statSync(diskPath, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return { status: 'missing' };
    const manifest = this.readManifest(hash);
    if (manifest === undefined || Number(found.size) !== manifest.sizeBytes) return { status: 'altered' };
    const seen = { inode: String(found.ino), modified: String(found.mtimeNs) };
    const untouched = seen.inode === manifest.seen.inode && seen.modified === manifest.seen.modified;
    if (untouched && !thorough) return { status: 'present', diskPath, manifest };
    if ((await sha256OfFile(diskPath)) !== manifest.sha256) return { status: 'altered' };
    return { status: 'present', diskPath, manifest: { ...manifest, seen } };
  }

  /**
   * Finds an image, checking all of it, or builds it. One process builds an image at a time; another one that wants
   * the same waits, then finds it. What killed builders left is removed first.
   *
   * @throws what the build throws; nothing half made is left
   */
  async obtain(hash: string, options: ObtainOptions): Promise<Extract<CachedImage, { status: 'present' }>> {
    return withLock(join(this.cacheDirectory, 'locks', `image-${hash}`), () => this.findOrBuild(hash, options), {
      signal: options.signal,
      onWait: options.onWait,
    });
  }

  private async findOrBuild(
    hash: string,
    { run, build }: ObtainOptions,
  ): Promise<Extract<CachedImage, { status: 'present' }>> {
    mkdirSync(this.images, { recursive: true });
    await this.removeLeftovers(run);
    const cached = await this.inspect(hash, true);
    if (cached.status === 'present') {
      // A copy restored from elsewhere is known again from now on.
      this.writeManifest(join(this.images, hash), cached.manifest);
      return cached;
    }
    const work = join(this.images, BUILDING + claimName());
    mkdirSync(work);
    chmodSync(work, 0o755);
    try {
      const entry = join(work, 'entry');
      await this.fill(entry, hash, await build(work));
      rmSync(join(this.images, hash), { recursive: true, force: true });
      renameSync(entry, join(this.images, hash));
      syncToDisk(this.images);
    } finally {
      await this.removeWorkDirectory(work, run);
    }
    const made = await this.inspect(hash);
    if (made.status !== 'present') throw new Error(`the image just built is ${made.status}`);
    return made;
  }

  /** Makes the directory that will stand in the cache. */
  private async fill(entry: string, hash: string, built: BuiltDisk): Promise<void> {
    mkdirSync(entry);
    const disk = join(entry, DISK);
    renameSync(built.path, disk);
    // Every VM's disk lies on this one.
    chmodSync(disk, 0o444);
    const sha256 = await sha256OfFile(disk);
    syncToDisk(disk);
    const { size, ino, mtimeNs } = statSync(disk, { bigint: true });
    this.writeManifest(entry, {
      formatVersion: 1,
      definitionHash: hash,
      sha256,
      sizeBytes: Number(size),
      tools: built.tools,
      packages: built.packages,
      releases: built.releases,
      seen: { inode: String(ino), modified: String(mtimeNs) },
    });
  }

  private async removeLeftovers(run: Run): Promise<void> {
    for (const name of readdirSync(this.images)) {
      const builder = name.startsWith(BUILDING) ? parseClaim(name.slice(BUILDING.length)) : undefined;
      if (builder !== undefined && !isAlive(builder)) await this.removeWorkDirectory(join(this.images, name), run);
    }
  }

  private async removeWorkDirectory(work: string, run: Run): Promise<void> {
    await removeStage(work, run);
    rmSync(work, { recursive: true, force: true });
  }

  private readManifest(hash: string): ImageManifest | undefined {
    try {
      const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(this.images, hash, MANIFEST), 'utf8')));
      return manifest.definitionHash === hash ? manifest : undefined;
    } catch {
      return undefined;
    }
  }

  private writeManifest(directory: string, manifest: ImageManifest): void {
    const path = join(directory, MANIFEST);
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
    writeFileAtomically(path, text, { mode: 0o644 });
  }
}

/** sha256 (hex) of a file, read in a stream. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
