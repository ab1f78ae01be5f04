import { renderTable } from '../table';
import type { ImageGcReport, ImageReport, ImageVerifyReport, ImageWarmReport } from './report';
import { bytesText, durationText, mebibytesText } from '../../model/units';

const HEADER = ['IMAGE', 'HASH', 'FORMATS', 'SIZE', 'BUILT', 'LAST USED', 'USED BY'];

/** The images of a cache for people. */
export function renderImages(images: readonly ImageReport[], now: Date, colour: boolean): string {
  const rows = images.map(({ names, hash, formats, sizeBytes, builtAt, usedAt, usedBy }) => [
    names.join(', ') || '?',
    shortHash(hash),
    formats.join(', '),
    bytesText(sizeBytes),
    ageText(builtAt, now),
    ageText(usedAt, now),
    usedBy.join(', '),
  ]);
  return renderTable(HEADER, rows, colour);
}

/** The freed space, a line for each image and leftover, and the sum last. */
export function renderGc({ removed, kept, freedBytes, dryRun }: ImageGcReport): string {
  const verb = dryRun ? 'would remove' : 'removed';
  const lines = [
    ...removed.map(({ hash, directory, sizeBytes }) => {
      const what = hash === null ? `what a killed build left in ${directory}` : `image ${shortHash(hash)}`;
      return `${verb} ${what}: ${bytesText(sizeBytes)}`;
    }),
    ...kept.map(({ hash, reason }) => `kept image ${shortHash(hash)}: ${reason}`),
  ];
  return [...lines, `${dryRun ? 'would free' : 'freed'} ${bytesText(freedBytes)}`].join('\n');
}

/** The verdict in one line, after a further one where the mirror has moved on. */
export function renderVerification(report: ImageVerifyReport): string {
  const { image, hash, changedPackages, comparedWith, difference } = report;
  const moved =
    changedPackages.length === 0
      ? []
      : [`the mirror has ${changedPackages.join(', ')} in other versions than the image in the cache`];
  const subject = `${image} (${shortHash(hash)})`;
  const pair = comparedWith === 'cache' ? 'the image in the cache and a new build' : 'two new builds';
  if (difference === null) return [...moved, `${subject}: ${pair} are the same, bit by bit`].join('\n');
  const where = difference.path === null ? difference.what : `${difference.path} ${difference.what}`;
  return [...moved, `${subject}: ${pair} differ: ${where}`].join('\n');
}

/** One line. */
export function renderWarm({ image, hash, cpus, memoryMib, outcome }: ImageWarmReport): string {
  const subject = `${image} (${shortHash(hash)}) with ${cpus} CPU${cpus === 1 ? '' : 's'} and ${mebibytesText(memoryMib)}`;
  return `${subject}: ${outcome === 'made' ? 'the snapshot is made' : 'there is a snapshot already'}`;
}

function ageText(when: string, now: Date): string {
  return durationText((now.getTime() - Date.parse(when)) / 1000);
}

function shortHash(hash: string): string {
  return hash.slice(0, 12);
}
