import type { Attributes } from '../../model/resource-shape';
import { createProviderServer } from './framework/provider-server';
import type { ProviderDefinition } from './provider';
import { createLogger, isLogKept } from './wire/log';
import { runPluginProcess } from './wire/plugin-process';

/** Serves a provider to the Terraform that started this process. Call it once, from the entry point. */
export async function serveProvider<A extends Attributes, Services>(
  definition: ProviderDefinition<A, Services>,
): Promise<void> {
  const { server, abandon } = createProviderServer(definition, {
    isLogging: isLogKept(process.env),
    logger: (fields) => createLogger(definition.name, fields),
  });
  await runPluginProcess(server, abandon);
}
