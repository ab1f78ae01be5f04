import { allCommands } from '../../src/cli/commands';
import { resources } from '../../src/provider/resources';
import { renderJsonSchema } from './json-schema';
import { renderReference } from './resource-page';

/** The pages of docs/reference/ by file name: one for each resource, and one for each document of the CLI. */
export function referencePages(): Map<string, string> {
  const schemas = allCommands().flatMap(([words, { document }]): [string, string][] =>
    document === null
      ? []
      : [[`${words.join('-')}.schema.json`, renderJsonSchema(`buildfleet ${words.join(' ')}`, document())]],
  );
  const pages = [...renderReference(resources.map(({ shape }) => shape)), ...schemas];
  return new Map(pages.sort(([one], [other]) => (one < other ? -1 : 1)));
}
