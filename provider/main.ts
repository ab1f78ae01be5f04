/* eslint-disable @typescript-eslint/no-require-imports -- only what the wanted provider needs is loaded */
import { serveProvider } from './plugin/serve';

/** Serves the provider named by the first argument, which the launcher takes from its own file name. */
function serve(name: string | undefined): Promise<void> {
  if (name === 'null') {
    const { nullResources } = require('./resources/null') as typeof import('./resources/null');
    return serveProvider({ name, config: {}, configure: () => undefined, resources: nullResources });
  }
  const { resources } = require('./resources') as typeof import('./resources');
  const { providerAttributes } = require('./resources/settings') as typeof import('./resources/settings');
  return serveProvider({
    name: 'buildfleet',
    config: providerAttributes,
    configure: (settings) => settings,
    resources,
  });
}

void serve(process.argv[2]);
