import { z } from 'zod';
import { DEFAULT_OPERATOR_SSH_CONFIG } from '../defaults';
import { singleLineSchema, workstationPathSchema } from '../names';
import { defaulted, defineShape, optional, required } from '../resource-shape';

/** A file, or a marked block in a file that buildfleet does not own, on the workstation. */
export const managedFileShape = defineShape({
  type: 'buildfleet_managed_file',
  label: 'path',
  description:
    'A file on the workstation, or one marked block in a file that belongs to the operator. A block leaves every other byte of its file as it was, also when it is destroyed.',
  importId: {
    doc: 'The path; for a block the path, `#`, and its name.',
    example: `${DEFAULT_OPERATOR_SSH_CONFIG}#buildfleet`,
  },
  attributes: {
    path: required(workstationPathSchema, 'Absolute path, or one below the home directory (`~/…`).', {
      replaces: true,
    }),
    content: required(z.string(), 'Text of the file or of the block.'),
    mode: defaulted(
      z.string().regex(/^0[0-7]{3}$/),
      '0644',
      'Permissions of the file. A block keeps those its file has.',
    ),
    block: optional(singleLineSchema, 'Name of the marked block; without it the whole file is managed.', {
      replaces: true,
    }),
    expandHome: defaulted(
      z.boolean(),
      false,
      'Writes `~/` at the start of a word as the absolute home directory, for readers that do not expand it.',
    ),
  },
});
