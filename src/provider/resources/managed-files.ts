import { homedir } from 'node:os';
import { FleetError } from '../../model/errors';
import type { managedFileShape } from '../../model/resources/managed-file';
import { MANAGED_FILE_NAME, managedFilesShape } from '../../model/resources/managed-files';
import type { State } from '../../model/resource-shape';
import type { ApplyContext, Resource } from '../plugin/resource';
import { managedFileResource } from './managed-file';
import type { ProviderSettings } from './settings';

type FilesState = State<typeof managedFilesShape>;
type FileState = State<typeof managedFileShape>;
type FilesContext = ApplyContext<typeof managedFilesShape>;

/** The handler of `buildfleet_managed_files`: each file is treated as a `buildfleet_managed_file` of its own. */
export function managedFilesResource(
  settings: ProviderSettings,
  home: string = homedir(),
): Resource<typeof managedFilesShape> {
  const one = managedFileResource(settings, home);

  /** Makes what is planned from what is there, and says after each file how far it has come. */
  const converge = async (
    planned: FilesState,
    there: FilesState['files'],
    context: FilesContext,
  ): Promise<FilesState> => {
    const files = { ...there };
    const fileContext = { ...context, keep: () => undefined };
    for (const name of Object.keys(there).filter((name) => !(name in planned.files))) {
      await one.delete(fileState(planned, name, files[name] ?? ''), context);
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a map of names
      delete files[name];
      context.keep({ ...planned, files: { ...files } });
    }
    for (const [name, content] of Object.entries(planned.files)) {
      const wanted = fileState(planned, name, content);
      const before = files[name];
      if (before === undefined) await one.create(wanted, fileContext);
      else await one.update?.(fileState(planned, name, before), wanted, fileContext);
      files[name] = content;
      context.keep({ ...planned, files: { ...files } });
    }
    return planned;
  };

  return {
    shape: managedFilesShape,
    create: (planned, context) => converge(planned, {}, context),
    update: (prior, planned, context) => converge(planned, prior.files, context),
    read: async (state, context) => {
      const names = Object.keys(state.files);
      const found = await Promise.all(
        names.map((name) => one.read(fileState(state, name, state.files[name] ?? ''), context)),
      );
      const files = Object.fromEntries(
        found.flatMap((file, index) => (file === null ? [] : [[names[index] ?? '', file.content]])),
      );
      if (names.length > 0 && Object.keys(files).length === 0) return null;
      const odd = found.find((file) => file !== null && file.mode !== state.mode);
      return { ...state, files, mode: odd?.mode ?? state.mode };
    },
    delete: async (state, context) => {
      for (const [name, content] of Object.entries(state.files)) {
        await one.delete(fileState(state, name, content), context);
      }
    },
    import: async (id, context) => {
      const { directory, names } = parseImportId(id);
      const files: Record<string, string> = {};
      const modes = new Set<string>();
      for (const name of names) {
        const file = await one.import?.(`${directory}/${name}`, context);
        if (file === undefined) continue;
        files[name] = file.content;
        modes.add(file.mode);
      }
      // files of several modes are several changes to the next plan, which shows one of them
      const [mode = ''] = modes;
      return { directory, files, mode, expandHome: false };
    },
  };
}

/** `DIRECTORY/NAME,NAME`: neither a slash nor a comma stands in a name. */
function parseImportId(id: string): { directory: string; names: readonly string[] } {
  const [, directory = '', list = ''] = /^(.+)\/([^/]+)$/.exec(id) ?? [];
  const names = list.split(',');
  if (directory === '' || !names.every((name) => MANAGED_FILE_NAME.test(name))) {
    throw new FleetError({
      code: 'managed-file-missing',
      problem: 'this names no files of a directory',
      value: id,
      remedy: `import with the directory and the names of its files, such as "${managedFilesShape.importId?.example ?? ''}"`,
    });
  }
  return { directory, names };
}

function fileState({ directory, mode, expandHome }: FilesState, name: string, content: string): FileState {
  return { path: `${directory}/${name}`, content, mode, expandHome, block: null };
}
