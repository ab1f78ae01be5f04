import { allCommands } from '../../src/cli/commands';
import { dataSources } from '../../src/provider/data-sources';
import { resources } from '../../src/provider/resources';
import { providerAttributes } from '../../src/provider/resources/settings';
import { renderErrors } from './errors-page';
import { renderJsonSchema } from './json-schema';
import { renderProviderPage, renderReference } from './resource-page';

/** The pages of docs/reference/ by file name: one for each resource, data source and document of the CLI, for the provider, and of errors. */
export function referencePages(): Map<string, string> {
  const schemas = allCommands().flatMap(([words, { document }]): [string, string][] =>
    document === null
      ? []
      : [[`${words.join('-')}.schema.json`, renderJsonSchema(`buildfleet ${words.join(' ')}`, document())]],
  );
  const errors = ['errors.md', renderErrors()] as const;
  const shapes = [...resources, ...dataSources].map(({ shape }) => shape);
  const provider = ['provider.md', renderProviderPage(providerAttributes)] as const;
  const pages = [...renderReference(shapes), provider, ...schemas, errors];
  return new Map(pages.sort(([one], [other]) => (one < other ? -1 : 1)));
}
