import { z } from 'zod';
import { DEFAULT_FLEET, STATE_HOME } from '../defaults';
import { workstationPathSchema } from '../names';
import { defineShape, required } from '../resource-shape';
import { managedFileShape } from './managed-file';

/** Names that the files of one resource may have. */
export const MANAGED_FILE_NAME = /^[a-z0-9][a-z0-9._-]*$/;

const { mode, expandHome } = managedFileShape.attributes;

/** Files of one directory on the workstation. */
export const managedFilesShape = defineShape({
  type: 'buildfleet_managed_files',
  label: 'directory',
  description:
    'Files in one directory on the workstation. One resource for all of them, because each resource costs time in every plan. Other files of the directory are left alone.',
  importId: {
    doc: 'The directory, `/`, and the names of the files with a comma between each. Other files of the directory stay unmanaged.',
    example: `${STATE_HOME}/${DEFAULT_FLEET}/tunnels/alpha.yml,beta.yml`,
  },
  attributes: {
    directory: required(workstationPathSchema, 'Absolute path, or one below the home directory (`~/…`).', {
      replaces: true,
    }),
    files: required(
      z.record(z.string().regex(MANAGED_FILE_NAME, 'must be the name of a file, such as alpha.yml'), z.string()),
      'Text of each file by its name.',
    ),
    mode,
    expandHome,
  },
});
