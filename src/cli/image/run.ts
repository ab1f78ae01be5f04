import { resolve } from 'node:path';
import { withFileAdvice } from '../../files/file-errors';
import { FleetError } from '../../model/errors';
import { expandHome } from '../../model/paths';
import { ImageCache } from '../../images/cache';
import { CacheInventory } from '../../images/inventory';
import { verifyImage } from '../../images/verify';
import type { Context } from '../context';
import { EXIT } from '../exit-codes';
import { cacheOfFleets, findImageUses, type FleetsSearch } from './uses';
import { collectGarbage } from './collect-garbage';
import { findDefinition, readDefinition } from './definitions';
import { renderGc, renderImages, renderVerification, renderWarm } from './render';
import { type ImageListReport, imageReport, type ImageVerifyReport } from './report';
import { inCheckout } from '../package-root';
import { warmImage, type WarmOptions } from './warm';

interface CacheOptions {
  /** `--cache` */
  readonly cache?: string | undefined;
}

/** `buildfleet image list` */
export async function listImages(context: Context, options: CacheOptions = {}): Promise<number> {
  const cacheDirectory = cacheOf(context, options);
  const entries = new CacheInventory(cacheDirectory).entries();
  const uses = await findImageUses(useSearch(context, cacheDirectory));
  const images = entries.map((entry) => imageReport(entry, uses));
  const report: ImageListReport = { formatVersion: 1, cacheDirectory, images };
  if (context.terminal.json) context.terminal.data(JSON.stringify(report, null, 2));
  else if (images.length === 0) context.terminal.message(`there is no image in ${cacheDirectory}`);
  else context.terminal.data(renderImages(images, new Date(), context.terminal.colour));
  return EXIT.ok;
}

/** `buildfleet image gc`: removes unused images, and leftovers of killed builders. */
export async function collectImages(
  context: Context,
  options: CacheOptions & { readonly dryRun: boolean; readonly minAgeMinutes: number },
): Promise<number> {
  const cacheDirectory = cacheOf(context, options);
  const report = await withFileAdvice(
    cacheDirectory,
    async () =>
      collectGarbage({
        inventory: new CacheInventory(cacheDirectory),
        uses: await findImageUses(useSearch(context, cacheDirectory)),
        ...{ cacheDirectory, dryRun: options.dryRun, minAgeMinutes: options.minAgeMinutes },
        ...{ now: new Date(), run: context.run, signal: context.signal },
      }),
    'run this again',
  );
  if (context.terminal.json) context.terminal.data(JSON.stringify(report, null, 2));
  else context.terminal.data(renderGc(report));
  return EXIT.ok;
}

/** `buildfleet image verify [IMAGE]`: exit code 1 when two builds of it differ. */
export async function verify(
  context: Context,
  image: string | undefined,
  options: CacheOptions & { readonly definition?: string | undefined } = {},
): Promise<number> {
  const cacheDirectory = cacheOf(context, options);
  const { definition, hash, assetsDirectory } =
    options.definition === undefined
      ? findDefinition(image, [...new Set([process.cwd(), inCheckout()])])
      : readDefinition(expandHome(options.definition, context.home));
  const { run, signal, terminal } = context;
  let last = '';
  const progress = (step: string) => {
    if (step !== last) terminal.message(step);
    last = step;
  };
  progress('reading the image in the cache');
  const cached = await new ImageCache(cacheDirectory).inspect(hash, 'qcow2', true);
  if (cached.status !== 'present') progress('the cache has no whole image of this definition: it is built twice');
  const reference = cached.status === 'present' ? { path: cached.diskPath, packages: cached.manifest.packages } : null;
  const { difference, comparedWith, changedPackages } = await withFileAdvice(
    cacheDirectory,
    () => verifyImage({ definition, assetsDirectory, reference, cacheDirectory, run, signal, progress }),
    'run this again',
  ).catch((error: unknown) => {
    throw signal.aborted ? stopped(error) : error;
  });
  const report: ImageVerifyReport = {
    ...{ formatVersion: 1, image: definition.name, hash, identical: difference === null, comparedWith },
    ...{ changedPackages: [...changedPackages], difference },
  };
  terminal.data(terminal.json ? JSON.stringify(report, null, 2) : renderVerification(report));
  return report.identical ? EXIT.ok : EXIT.failure;
}

/** `buildfleet image warm [IMAGE]` */
export async function warm(
  context: Context,
  image: string | undefined,
  options: CacheOptions & WarmOptions,
): Promise<number> {
  const cacheDirectory = cacheOf(context, options);
  const found = findDefinition(image, [...new Set([process.cwd(), inCheckout()])]);
  const report = await withFileAdvice(
    cacheDirectory,
    () => warmImage(context, found, cacheDirectory, options),
    'run this again',
  );
  context.terminal.data(context.terminal.json ? JSON.stringify(report, null, 2) : renderWarm(report));
  return EXIT.ok;
}

function stopped(cause: unknown): FleetError {
  return new FleetError({
    code: 'stopped',
    problem: 'the verification was stopped, and nothing of it is left',
    remedy: 'run it again',
    cause,
  });
}

function cacheOf(context: Context, { cache }: CacheOptions): string {
  return resolve(cache === undefined ? cacheOfFleets(fleetsSearch(context)) : expandHome(cache, context.home));
}

function useSearch(context: Context, cacheDirectory: string): Parameters<typeof findImageUses>[0] {
  return { ...fleetsSearch(context), cacheDirectory, run: context.run, signal: context.signal };
}

function fleetsSearch(context: Context): FleetsSearch {
  const named = context.fleetOption ?? context.environment['BUILDFLEET_FLEET'];
  return { fleetFile: named === '' ? undefined : named, home: context.home };
}
