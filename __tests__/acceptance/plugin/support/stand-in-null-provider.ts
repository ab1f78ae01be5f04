import { serveProvider } from '../../../../src/provider/plugin/serve';
import { resources } from '../../../../src/provider/resources';

/* A provider that stands in for one of a registry: it serves `null_resource`, and its block has no arguments. */

void serveProvider({
  name: 'null',
  config: {},
  configure: () => ({}) as never,
  resources: resources.filter(({ shape }) => shape.type === 'null_resource'),
});
