import { mkdirSync, statfsSync } from 'node:fs';
import { run } from '../../src/process/run';

const MEBIBYTE = 1024 * 1024;

/** A directory with a file system of its own, in memory, whose size and state a test chooses. Needs root. */
export class MountedDirectory {
  private constructor(readonly path: string) {}

  /** Makes the directory and mounts an empty file system on it. */
  static async mount(path: string, mebibytes: number): Promise<MountedDirectory> {
    mkdirSync(path, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `mode=0755,size=${mebibytes}m`, 'tmpfs', path]);
    return new MountedDirectory(path);
  }

  /** Larger or smaller, as long as everything that is there fits. */
  async resize(mebibytes: number): Promise<void> {
    await this.remount(`size=${mebibytes * MEBIBYTE}`);
  }

  /** Fills it up but for so many KiB, as another program's files would. */
  async leaveFree(kibibytes: number): Promise<void> {
    const { blocks, bfree, bsize } = statfsSync(this.path);
    await this.remount(`size=${(blocks - bfree) * bsize + kibibytes * 1024}`);
  }

  async makeReadOnly(): Promise<void> {
    await this.remount('ro');
  }

  async makeWritable(): Promise<void> {
    await this.remount('rw');
  }

  /** Takes it away with everything on it, also when something still has a file open there. */
  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.path]);
  }

  private async remount(option: string): Promise<void> {
    await run('mount', ['-o', `remount,${option}`, this.path]);
  }
}
