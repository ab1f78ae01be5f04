import { basename, join } from 'node:path';
import type { ImageFormat } from '../model/hypervisor';
import {
  builtFormat,
  definitionHash,
  isDebian,
  sourceDateEpoch,
  UBUNTU_BUILD_MACHINE,
} from '../model/image-definition';
import { VM_NAME_PREFIX } from '../model/names';
import type { BuiltDisk, ImageBuildRequest } from './builder';
import type { ImageCache, PresentImage } from './cache';
import { buildDebianImage } from './debian-image';
import { diskOfOva } from './ova/disk-of-ova';
import { writeOva } from './ova/write-ova';
import { buildPackerImage, type PackerBuildRequest } from './packer/build';

export interface ImageRequest extends Omit<PackerBuildRequest, 'workDirectory'> {
  readonly format: ImageFormat;
  /** Another process builds the same image. */
  readonly onWait: (pid: number) => void;
}

/**
 * The image of a definition in the wanted format: from the cache, else built, and converted where its builder makes
 * another format.
 *
 * @throws FleetError that says what to do; CommandError when the signal fired
 */
export function obtainImage(cache: ImageCache, request: ImageRequest): Promise<PresentImage> {
  const { definition, format, run, signal, onWait } = request;
  return cache.obtain(definitionHash(definition), format, {
    ...{ run, signal, onWait },
    builtFormat: builtFormat(definition),
    build: (workDirectory) => build({ ...request, workDirectory }),
    convert: (built, workDirectory) => convert(built, { ...request, workDirectory }),
  });
}

function build(request: ImageRequest & ImageBuildRequest): Promise<BuiltDisk> {
  return isDebian(request.definition) ? buildDebianImage(request) : buildPackerImage(request);
}

async function convert(built: string, request: ImageRequest & ImageBuildRequest): Promise<string> {
  const { definition, format, workDirectory, run, signal, progress } = request;
  const path = join(workDirectory, `disk.${format}`);
  if (format === 'qcow2') {
    progress(`taking the disk out of ${basename(built)}`);
    await diskOfOva({ ova: built, path, run, signal });
    return path;
  }
  const hash = definitionHash(definition);
  const guest = isDebian(definition) ? 'Debian_64' : 'Ubuntu_64';
  const machine = { name: VM_NAME_PREFIX, guest, ...UBUNTU_BUILD_MACHINE } as const;
  const epoch = sourceDateEpoch(hash);
  await writeOva({
    disk: built,
    path,
    ...machine,
    definitionHash: hash,
    sourceDateEpoch: epoch,
    run,
    signal,
    progress,
  });
  return path;
}
