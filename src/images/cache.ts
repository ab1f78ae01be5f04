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
  utimesSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { syncToDisk } from '../files/atomic';
import { makeDirectories } from '../files/directories';
import { claimName, isAlive, parseClaim } from '../files/claim-name';
import { withLock } from '../files/lock';
import { RecordFile, valueOrRebuild } from '../files/record';
import type { ImageFormat } from '../model/hypervisor';
import { imageFile } from '../model/paths';
import { reportAmount, reportStep } from '../process/progress';
import type { Run } from '../process/run';
import type { BuiltDisk } from './builder';
import { removeStage } from './stage';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** Manifest beside a disk in the cache. */
const manifestSchema = z.object({
  definitionHash: sha256Schema,
  sha256: sha256Schema,
  sizeBytes: z.number().int(),
  tools: z.record(z.string(), z.string()),
  packages: z.record(z.string(), z.string()),
  releases: z.record(z.string(), z.string()),
  /** State of the file when its sha256 was last computed: while it is the same, so is the content. */
  seen: z.object({ inode: z.string(), modified: z.string() }),
});

export type ImageManifest = z.infer<typeof manifestSchema>;

/** State of a definition's image in the cache. */
export type CachedImage =
  | { readonly status: 'present'; readonly diskPath: string; readonly manifest: ImageManifest }
  | { readonly status: 'missing' | 'altered' };

/** An image that can be used. */
export type PresentImage = Extract<CachedImage, { status: 'present' }>;

export interface ObtainOptions {
  readonly run: Run;
  readonly signal: AbortSignal;
  /** Format that `build` makes. */
  readonly builtFormat: ImageFormat;
  /** Makes the disk in an empty directory of its own. */
  readonly build: (workDirectory: string) => Promise<BuiltDisk>;
  /** Makes another format of what was built, in an empty directory of its own; answers with the path. */
  readonly convert: (built: string, workDirectory: string) => Promise<string>;
  /** Another process builds the same image. */
  readonly onWait: (pid: number) => void;
}

/** Begin of the name of a work directory; a claim follows. */
export const BUILDING = '.building-';

/** Where builders keep what they download, beside the images. */
export function downloadDirectoryOf(cacheDirectory: string): string {
  return join(cacheDirectory, 'downloads');
}

/**
 * Images by definition hash, shared by all fleets of a user: `images/<hash>/disk.<format>`, and for each a manifest
 * that is written last: a disk without one is no image.
 */
export class ImageCache {
  private readonly images: string;

  /** @param cacheDirectory absolute; made when the first image is */
  constructor(private readonly cacheDirectory: string) {
    this.images = join(cacheDirectory, 'images');
  }

  /** Where the disk of a definition lies, or would. */
  diskPath(hash: string, format: ImageFormat): string {
    return imageFile(this.cacheDirectory, hash, format);
  }

  /**
   * Looks without changing an image.
   *
   * @param thorough reads the whole disk even if it looks untouched
   */
  async inspect(hash: string, format: ImageFormat, thorough = false): Promise<CachedImage> {
    const diskPath = this.diskPath(hash, format);
    const found = statSync(diskPath, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return { status: 'missing' };
    const manifest = readManifest(diskPath, hash);
    if (manifest === undefined || Number(found.size) !== manifest.sizeBytes) return { status: 'altered' };
    const seen = { inode: String(found.ino), modified: String(found.mtimeNs) };
    const untouched = seen.inode === manifest.seen.inode && seen.modified === manifest.seen.modified;
    if (untouched && !thorough) return { status: 'present', diskPath, manifest };
    if ((await sha256OfFile(diskPath)) !== manifest.sha256) return { status: 'altered' };
    return { status: 'present', diskPath, manifest: { ...manifest, seen } };
  }

  /**
   * Finds an image in a format, checking all of it, or makes it: by a conversion if another format is built. One
   * process builds an image at a time; a second one waits, then finds it. Leftovers of killed builders are removed
   * first.
   *
   * @throws what the build throws; nothing half made is left
   */
  async obtain(hash: string, format: ImageFormat, options: ObtainOptions): Promise<PresentImage> {
    const { signal, onWait } = options;
    const lock = join(this.cacheDirectory, 'locks', `image-${hash}`);
    return withLock(lock, () => this.findOrMake(hash, format, options), { signal, onWait });
  }

  private async findOrMake(hash: string, format: ImageFormat, options: ObtainOptions): Promise<PresentImage> {
    const { run, build, builtFormat, convert } = options;
    makeDirectories(this.images);
    await this.removeLeftovers(run);
    if (existsSync(this.diskPath(hash, format))) reportStep('checking the image in the cache');
    const cached = await this.inspect(hash, format, true);
    if (cached.status === 'present') {
      // A copy restored from elsewhere is known again from now on.
      writeManifest(cached.diskPath, cached.manifest);
      noteUse(cached.diskPath);
      return cached;
    }
    if (format === builtFormat) {
      return this.withWorkDirectory(run, async (work) => this.place(await build(work), hash, format));
    }
    const { diskPath, manifest } = await this.findOrMake(hash, builtFormat, options);
    return this.withWorkDirectory(run, async (work) =>
      this.place({ ...manifest, path: await convert(diskPath, work) }, hash, format),
    );
  }

  private async withWorkDirectory<T>(run: Run, body: (work: string) => Promise<T>): Promise<T> {
    const work = join(this.images, BUILDING + claimName());
    mkdirSync(work);
    chmodSync(work, 0o755);
    try {
      return await body(work);
    } finally {
      await this.removeWorkDirectory(work, run);
    }
  }

  /** Moves a finished disk to its place. The manifest of an earlier one goes first: it must not vouch for this one. */
  private async place(built: BuiltDisk, hash: string, format: ImageFormat): Promise<PresentImage> {
    const { path, tools, packages, releases } = built;
    // Every VM's disk lies on this one.
    chmodSync(path, 0o444);
    reportStep('computing the checksum');
    const sha256 = await sha256OfFile(path);
    syncToDisk(path);
    const diskPath = this.diskPath(hash, format);
    makeDirectories(dirname(diskPath));
    rmSync(manifestOf(diskPath).path(dirname(diskPath)), { force: true });
    renameSync(path, diskPath);
    syncToDisk(dirname(diskPath));
    const { size, ino, mtimeNs } = statSync(diskPath, { bigint: true });
    const seen = { inode: String(ino), modified: String(mtimeNs) };
    const facts = { definitionHash: hash, sha256, sizeBytes: Number(size) };
    const manifest = { ...facts, tools, packages, releases, seen };
    writeManifest(diskPath, manifest);
    return { status: 'present', diskPath, manifest };
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
}

/** Sets the date of an entry, which `image gc` reads as that of its last use. */
function noteUse(diskPath: string): void {
  const now = new Date();
  utimesSync(dirname(diskPath), now, now);
}

/**
 * The record beside a disk. Without a sound one no disk is an image, so that damaged content means a new build. A newer
 * buildfleet's is refused: the disk may be sound and have VMs on it.
 */
function manifestOf(diskPath: string): RecordFile<ImageManifest> {
  return new RecordFile({ file: `${basename(diskPath)}.manifest.json`, shape: manifestSchema, mode: 0o644 });
}

/** @throws FleetError `record-unreadable` for one of a newer version, or closed to this user */
function readManifest(diskPath: string, hash: string): ImageManifest | undefined {
  const manifest = valueOrRebuild(manifestOf(diskPath).read(dirname(diskPath)));
  return manifest?.definitionHash === hash ? manifest : undefined;
}

function writeManifest(diskPath: string, manifest: ImageManifest): void {
  const record = manifestOf(diskPath);
  const path = record.path(dirname(diskPath));
  if (existsSync(path) && readFileSync(path, 'utf8') === record.render(manifest)) return;
  record.write(dirname(diskPath), manifest);
}

/** sha256 (hex) of a file, read in a stream. Reports how much of it is read. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  const total = statSync(path).size;
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    done += chunk.length;
    reportAmount({ done, total, unit: 'bytes' });
  }
  return hash.digest('hex');
}
