import { z } from 'zod';
import { singleLineSchema } from '../names';
import { defineShape, required } from '../resource-shape';
import { managedFileShape } from './managed-file';

const { mode, expandHome } = managedFileShape.attributes;

/** Files of one directory on the workstation. */
export const managedFilesShape = defineShape({
  type: 'buildfleet_managed_files',
  label: 'directory',
  description:
    'Files in one directory on the workstation. One resource for all of them, because each resource costs time in every plan. Other files of the directory are left alone.',
  attributes: {
    directory: required(singleLineSchema, 'Absolute path, or one below the home directory (`~/…`).', {
      replaces: true,
    }),
    files: required(
      z.record(z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be the name of a file, such as alpha.yml'), z.string()),
      'Text of each file by its name.',
    ),
    mode,
    expandHome,
  },
});
