import { chmodSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute } from 'node:path';
import { removeAbandonedWrites, writeFileAtomically } from '../../files/atomic';
import { inTurn } from '../../files/in-turn';
import { bytesOf, byteText, readByteText } from '../../files/byte-text';
import { canonicalPath, followLinks } from '../../files/links';
import { withFileAdvice } from '../../files/file-errors';
import { FleetError, isFleetError } from '../../model/errors';
import { expandHome } from '../../model/paths';
import { managedFileShape } from '../../model/resources/managed-file';
import type { State } from '../../model/resource-shape';
import { blockContent, findBlock, insertBlock, isWrittenByHand, removeBlock } from '../../rendering/managed-block';
import { withHome, withoutHome } from '../../rendering/ssh-config';
import type { Resource, ResourceContext } from '../plugin/resource';
import { CreatedPaths } from '../services/created-paths';
import { makeDirectories, removeEmptyDirectory } from '../../files/directories';
import { fleetPaths } from './fleet-paths';
import type { ProviderSettings } from './settings';

type FileState = State<typeof managedFileShape>;

/** The handler of `buildfleet_managed_file`: a whole file, or one marked block in a file of the operator's. */
export function managedFileResource(
  settings: ProviderSettings,
  home: string = homedir(),
): Resource<typeof managedFileShape> {
  const stateDirectory = fleetPaths(settings, home).stateDirectory;
  const created = new CreatedPaths(home);
  /** The one that is written, and another one that is as good: files must not change with the spelling of HOME. */
  const homes = [canonicalPath(home), home] as const;

  /** Everything below the state directory is the fleet's own, and needs no entry in the record of created files. */
  const directoryOf = (state: FileState) => canonicalPath(dirname(expandHome(state.path, home)));
  const isFleets = (state: FileState) => `${directoryOf(state)}/`.startsWith(`${stateDirectory}/`);
  const holderOf = (state: FileState) =>
    [settings.fleet, state.path, ...(state.block === null ? [] : [state.block])].join(' ');

  const locate = (path: string) => withFileAdvice(path, () => fileOf(path, home));

  const write = async (state: FileState, context: ResourceContext, prior: FileState | null): Promise<FileState> => {
    const path = await locate(state.path);
    const work = () =>
      inTurn(path, context.signal, async () => {
        removeAbandonedWrites(dirname(path), basename(path));
        const wanted = wantedContent(state, homes[0]);
        const before = readByteText(path);
        if (standsByHand(path, before, state, homes)) return state;
        if (state.block === null)
          refuseForeignFile(
            path,
            before,
            wanted,
            prior !== null || isFleets(state) || created.find(path) !== undefined,
          );
        // Checked before anything is made, so that a broken file is left with nothing beside it.
        const after =
          state.block === null ? wanted : atPlace(path, () => insertBlock(before ?? '', blockName(state), wanted));
        const mode = state.block !== null && before !== null ? modeOf(path) : parseInt(state.mode, 8);
        if (isFleets(state)) {
          makeDirectories(dirname(path), 0o700);
        } else {
          await created.holdDirectories(dirname(path), holderOf(state), context.signal);
          await created.hold(path, holderOf(state), context.signal);
        }
        if (after !== before) writeFileAtomically(path, bytesOf(after), { mode });
        else if (modeOf(path) !== mode) chmodSync(path, mode);
        return state;
      });
    return withFileAdvice(
      path,
      state.block === null ? work : () => orByHand(path, wantedContent(state, homes[0]), work),
    );
  };

  return {
    shape: managedFileShape,
    create: (planned, context) => write(planned, context, null),
    update: (prior, planned, context) => write(planned, context, prior),
    read: async (state) => {
      const path = await locate(state.path);
      return withFileAdvice(path, () => {
        const bytes = readByteText(path);
        if (bytes === null) return null;
        if (standsByHand(path, bytes, state, homes)) return state;
        const found =
          state.block === null ? bytes : (atPlace(path, () => findBlock(bytes, blockName(state)))?.content ?? null);
        if (found === null) return null;
        const mode = state.block === null ? `0${modeOf(path).toString(8).padStart(3, '0')}` : state.mode;
        const isWanted = homes
          .map((one) => wantedContent(state, one))
          .some((wanted) => found === (state.block === null ? wanted : blockContent(wanted)));
        if (isWanted) return { ...state, mode };
        const content = shownContent(found, state.expandHome ? homes : []);
        // Only the homes in it are not as they should be, which the content as configured cannot show.
        return content === state.content ? null : { ...state, content, mode };
      });
    },
    delete: async (state, context) => {
      const path = await locate(state.path);
      return withFileAdvice(path, () =>
        inTurn(path, context.signal, async () => {
          removeAbandonedWrites(dirname(path), basename(path));
          const bytes = readByteText(path);
          const rest =
            state.block === null || bytes === null ? '' : atPlace(path, () => removeBlock(bytes, blockName(state)));
          if (isFleets(state)) {
            if (rest === '') rmSync(path, { force: true });
            else if (rest !== bytes) writeFileAtomically(path, bytesOf(rest), { mode: modeOf(path) });
            for (
              let directory = directoryOf(state);
              directory.startsWith(stateDirectory);
              directory = dirname(directory)
            ) {
              removeEmptyDirectory(directory);
            }
            return;
          }
          // A block's file is put right first: the file itself goes only if nothing else is in it.
          if (state.block !== null && bytes !== null && rest !== bytes)
            writeFileAtomically(path, bytesOf(rest), { mode: modeOf(path) });
          await created.release(path, holderOf(state), context.signal, () => {
            if (rest === '') rmSync(path, { force: true });
          });
          await created.releaseDirectories(dirname(path), holderOf(state), context.signal);
        }),
      );
    },
    import: async (id) => {
      const { path, block } = parseImportId(id);
      const file = await locate(path);
      return withFileAdvice(file, () => {
        const bytes = readByteText(file);
        const found =
          bytes === null || block === null
            ? bytes
            : (atPlace(file, () => findBlock(bytes, byteText(block)))?.content ?? null);
        if (found === null) {
          throw new FleetError({
            code: 'managed-file-missing',
            problem: block === null ? 'there is no such file' : 'there is no such block in this file',
            place: file,
            value: id,
            remedy: 'import with the path, or with path#block',
          });
        }
        const mode = `0${modeOf(file).toString(8).padStart(3, '0')}`;
        return { path, block, content: shownContent(found, []), mode, expandHome: false };
      });
    },
  };
}

/** The file that a path leads to: `~/` and links resolved, also a link whose target does not exist yet. */
function fileOf(path: string, home: string): string {
  const absolute = expandHome(path, home);
  if (!isAbsolute(absolute)) {
    throw new FleetError({
      code: 'managed-file-path',
      problem: 'this path depends on where the provider is started',
      value: path,
      remedy: 'give an absolute path, or one that begins with ~/',
      attribute: 'path',
    });
  }
  return followLinks(absolute);
}

/** The file's wanted content, every character one byte, so that bytes that are not UTF-8 survive. */
function wantedContent(state: FileState, home: string): string {
  const text = state.expandHome ? withHome(state.content, home) : state.content;
  return byteText(text);
}

/** Whether the operator has written the block's content without its markers. */
function standsByHand(path: string, bytes: string | null, state: FileState, homes: readonly string[]): boolean {
  if (state.block === null || bytes === null) return false;
  if (atPlace(path, () => findBlock(bytes, blockName(state))) !== null) return false;
  const ways = [...homes.map((home) => wantedContent(state, home)), byteText(state.content)];
  return ways.some((content) => isWrittenByHand(bytes, content));
}

/** The file belongs to the operator, who may have it written by something else, and can write what is missing there. */
async function orByHand<T>(path: string, wanted: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = '' } = Object(cause) as NodeJS.ErrnoException;
    if (isFleetError(cause) || !['EROFS', 'EACCES', 'EPERM'].includes(code)) throw cause;
    throw new FleetError({
      code: 'managed-block-unwritable',
      problem: `this file cannot be written (${code})`,
      place: path,
      value: bytesOf(wanted).toString('utf8'),
      remedy: 'have these lines written there, above the first Host or Match, or make it writable, then deploy again',
      cause,
    });
  }
}

function blockName(state: FileState): string {
  return byteText(state.block ?? '');
}

/** What was found, as a plan shows it: with `~/` where the configuration would say that. */
function shownContent(bytes: string, homes: readonly string[]): string {
  const text = bytesOf(bytes).toString('utf8');
  return homes.reduce(withoutHome, text);
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

function refuseForeignFile(path: string, before: string | null, wanted: string, ours: boolean): void {
  if (ours || before === null || before === wanted) return;
  throw new FleetError({
    code: 'managed-file-foreign',
    problem: 'a file that buildfleet did not write stands there',
    place: path,
    remedy: 'move it away, or import it, then deploy again',
    attribute: 'path',
  });
}

/** Adds the file's name to an error about its text. */
function atPlace<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!isFleetError(error) || error.place !== undefined) throw error;
    const { code, problem, remedy, attribute } = error;
    throw new FleetError({ code, problem, place: path, remedy, attribute });
  }
}

function parseImportId(id: string): { path: string; block: string | null } {
  const [, path = id, block = null] = /^(.*)#([^#/]+)$/.exec(id) ?? [];
  return { path, block };
}
