import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncToDisk } from '../../files/atomic';
import { withFileAdvice } from '../../files/file-errors';
import { claimName, isAlive, parseClaim } from '../../files/claim-name';
import { FleetError } from '../../model/errors';
import { reportAmount } from '../../process/progress';
import type { Run } from '../../process/run';
import { type OvfGuest, renderOvf } from './ovf';
import type { BuildProgress } from '../builder';
import { explainOvaFailure } from './failures';
import { USTAR_END, USTAR_MAX_BYTES, ustarHeader, ustarPadding } from './ustar';
import { writeStreamOptimized } from './vmdk';

export interface OvaRequest {
  /** qcow2 with the whole disk; only read. */
  readonly disk: string;
  /** The appliance, replaced if there is one. Its directory must be there. */
  readonly path: string;
  /** Suggested name of a VM made from it, and begin of the names inside; lowercase letters, digits and hyphens. */
  readonly name: string;
  /** sha256 in hexadecimal digits; the appliance's own ids follow from it. */
  readonly definitionHash: string;
  /** What runs inside. @default Debian_64 */
  readonly guest?: OvfGuest;
  /** Suggestions for a VM made from it. */
  readonly cpus: number;
  readonly memoryMib: number;
  /** Date of everything inside, in seconds. */
  readonly sourceDateEpoch: number;
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly progress?: BuildProgress;
}

/** Digests and sizes of a written appliance. */
export interface WrittenOva {
  readonly sizeBytes: number;
  /** Of the disk inside. */
  readonly diskSha256: string;
}

const WORK = '.ova-';

/**
 * Writes a disk as an appliance that `VBoxManage import` takes, without VirtualBox: descriptor, manifest and disk in a
 * tar. The same request gives the same bytes. It appears complete or not at all, and needs twice its size while it is
 * made; what a killed writer left beside it is removed first.
 *
 * @throws FleetError that says what to do; CommandError or AbortError when the signal fired
 */
export async function writeOva(request: OvaRequest): Promise<WrittenOva> {
  return withFileAdvice(request.path, () => writeBeside(request));
}

async function writeBeside(request: OvaRequest): Promise<WrittenOva> {
  const { path, signal } = request;
  const directory = dirname(path);
  const work = join(directory, WORK + claimName());
  try {
    removeLeftovers(directory);
    mkdirSync(work);
    const written = await writeInto(work, request);
    signal.throwIfAborted();
    renameSync(join(work, 'ova'), path);
    syncToDisk(directory);
    return written;
  } catch (cause) {
    throw signal.aborted ? cause : explainOvaFailure(cause, request);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const writer = name.startsWith(WORK) ? parseClaim(name.slice(WORK.length)) : undefined;
    if (writer !== undefined && !isAlive(writer)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

async function writeInto(work: string, request: OvaRequest): Promise<WrittenOva> {
  const { disk, name, guest = 'Debian_64', definitionHash, cpus, memoryMib, run, signal, progress } = request;
  const fileName = `${name}-disk001.vmdk`;
  const vmdk = join(work, fileName);
  progress?.('converting the disk for VirtualBox');
  // All but ffffffff, which means none.
  const contentId = (Number.parseInt(definitionHash.slice(0, 8), 16) & 0x7fffffff).toString(16).padStart(8, '0');
  const capacityBytes = await writeStreamOptimized({ disk, path: vmdk, contentId, run, signal });
  const { size: fileBytes } = await stat(vmdk);
  if (fileBytes > USTAR_MAX_BYTES) {
    throw new FleetError({
      code: 'ova-too-large',
      problem: `the compressed disk has ${fileBytes} bytes, and a file in an OVA has at most ${USTAR_MAX_BYTES}`,
      place: disk,
      remedy: 'leave packages or files out of the image',
    });
  }
  const descriptor = renderOvf({
    ...{ name, guest, cpus, memoryMib, machineUuid: uuidFor('machine', definitionHash) },
    disk: { fileName, fileBytes, capacityBytes, uuid: uuidFor('disk', definitionHash) },
  });
  progress?.('writing the OVA');
  const path = join(work, 'ova');
  const diskSha256 = await pack(path, request, { descriptor: Buffer.from(descriptor), vmdk, fileName, fileBytes });
  const { size: sizeBytes } = await stat(path);
  return { sizeBytes, diskSha256 };
}

interface Content {
  readonly descriptor: Buffer;
  readonly vmdk: string;
  readonly fileName: string;
  readonly fileBytes: number;
}

/** Reads the disk once: the manifest, which stands before it, has the same length for all digests. */
async function pack(path: string, request: OvaRequest, content: Content): Promise<string> {
  const { name, sourceDateEpoch: modified, signal } = request;
  const { descriptor, vmdk, fileName, fileBytes } = content;
  const digest = createHash('sha256').update(descriptor).digest('hex');
  const manifest = (disk: string) =>
    Buffer.from(`SHA256(${name}.ovf)= ${digest}\nSHA256(${fileName})= ${disk}\n`, 'latin1');
  const placeholder = manifest('0'.repeat(64));
  const begin = Buffer.concat([
    ...entry(`${name}.ovf`, descriptor, modified),
    ...entry(`${name}.mf`, placeholder, modified),
    ustarHeader({ name: fileName, sizeBytes: fileBytes, modified }),
  ]);
  const manifestAt = begin.lastIndexOf(placeholder);

  const file = await open(path, 'wx', 0o644);
  try {
    await writeAll(file, begin, 0);
    const diskSha256 = await copyHashed(vmdk, file, begin.length, fileBytes, signal);
    await writeAll(file, Buffer.concat([ustarPadding(fileBytes), USTAR_END]), begin.length + fileBytes);
    await writeAll(file, manifest(diskSha256), manifestAt);
    await file.sync();
    return diskSha256;
  } finally {
    await file.close();
  }
}

function entry(name: string, content: Buffer, modified: number): Buffer[] {
  const sizeBytes = content.length;
  return [ustarHeader({ name, sizeBytes, modified }), content, ustarPadding(sizeBytes)];
}

async function copyHashed(
  source: string,
  target: FileHandle,
  begin: number,
  total: number,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  let position = begin;
  const chunks = createReadStream(source, { highWaterMark: 1024 * 1024, signal }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    hash.update(chunk);
    await writeAll(target, chunk, position);
    position += chunk.length;
    reportAmount({ done: Math.min(position - begin, total), total, unit: 'bytes' });
  }
  return hash.digest('hex');
}

async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let written = 0; written < data.length;) {
    written += (await file.write(data, written, data.length - written, position + written)).bytesWritten;
  }
}

/** A UUID that follows from the definition; version 8, whose bits are free for any use. */
function uuidFor(purpose: string, definitionHash: string): string {
  const bytes = createHash('sha256').update(`${purpose} ${definitionHash}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
