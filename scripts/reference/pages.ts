import { allCommands } from '../../src/cli/commands';
import { resources } from '../../src/provider/resources';
import { renderErrors } from './errors-page';
import { renderJsonSchema } from './json-schema';
import { renderReference } from './resource-page';

/** The pages of docs/reference/ by file name: one for each resource and each document of the CLI, and one of errors. */
export function referencePages(): Map<string, string> {
  const schemas = allCommands().flatMap(([words, { document }]): [string, string][] =>
    document === null
      ? []
      : [[`${words.join('-')}.schema.json`, renderJsonSchema(`buildfleet ${words.join(' ')}`, document())]],
  );
  const errors = ['errors.md', renderErrors()] as const;
  const pages = [...renderReference(resources.map(({ shape }) => shape)), ...schemas, errors];
  return new Map(pages.sort(([one], [other]) => (one < other ? -1 : 1)));
}
