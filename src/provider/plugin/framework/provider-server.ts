import { setMaxListeners } from 'node:events';
import type { JournalAction, Progress } from '../../../model/journal';
import { type Attributes, schemaVersion } from '../../../model/resource-shape';
import { FleetError } from '../../../model/errors';
import type { DataSource, DataSourceEntry } from '../data-source';
import type { Journal, OperationRecord } from '../journal';
import type { ProviderConfig, ProviderDefinition, ResourceEntry } from '../provider';
import type { ApplyContext, Logger, Resource, ResourceContext } from '../resource';
import type { DynamicValue, ProviderServer, WireDiagnostic } from '../wire/protocol';
import { decodeValue, encodeValue } from '../wire/dynamic-value';
import { attributePath, errorDiagnostic, warning } from './diagnostics';
import { ObjectSchema, type WireObject, containsUnknown } from './object-schema';
import { planCreation, planUpdate } from './plan';
import { upgradeState } from './upgrade';
import { validateConfig } from './validation';

/** The process around the framework. */
export interface Host {
  /** Whether Terraform keeps the loggers' output. */
  readonly isLogging: boolean;
  /** Makes a logger whose lines carry the fields. */
  readonly logger: (fields: Readonly<Record<string, unknown>>) => Logger;
}

/** A provider ready to answer calls. */
export interface RunningProvider {
  readonly server: ProviderServer;
  /** Cancels all handlers and waits for them. */
  readonly abandon: () => Promise<void>;
}

interface ServedType<Services> {
  readonly entry: ResourceEntry<Services>;
  readonly schema: ObjectSchema;
  handler?: Resource;
}

interface ServedDataSource {
  readonly entry: DataSourceEntry;
  readonly schema: ObjectSchema;
  handler?: DataSource;
}

/** Turns a definition into answers to Terraform's calls: dispatch, and the semantics that all resources share. */
export function createProviderServer<A extends Attributes, Services>(
  definition: ProviderDefinition<A, Services>,
  host: Host,
): RunningProvider {
  const stop = new AbortController();
  // every handler and command listens to the one signal; their number is no leak
  setMaxListeners(0, stop.signal);
  const running = new Set<Promise<unknown>>();
  const config = new ObjectSchema(definition.config);
  const types = new Map<string, ServedType<Services>>();
  for (const entry of definition.resources) {
    types.set(entry.shape.type, { entry, schema: new ObjectSchema(entry.shape.attributes) });
  }
  const dataSources = new Map<string, ServedDataSource>();
  for (const entry of definition.dataSources ?? []) {
    dataSources.set(entry.shape.type, { entry, schema: new ObjectSchema(entry.shape.attributes) });
  }
  let services: { readonly value: Services } | undefined;
  let journal: Journal | undefined;

  function typeOf(name: string): ServedType<Services> {
    const found = types.get(name);
    if (!found) throw new Error(`resource type ${name} is not served here`);
    return found;
  }

  function dataSourceOf(name: string): ServedDataSource {
    const found = dataSources.get(name);
    if (!found) throw new Error(`data source ${name} is not served here`);
    return found;
  }

  function handlerOf(type: ServedType<Services>): Resource {
    if (!services) throw new Error('the provider was not configured');
    return (type.handler ??= type.entry.handler(services.value));
  }

  /** Null for types that are not recorded: those served in place of another provider, such as null_resource. */
  function record(type: ServedType<Services>, action: JournalAction, object: WireObject): OperationRecord | null {
    const { shape } = type.entry;
    if (!services || !definition.journal || !shape.type.startsWith(`${definition.name}_`)) return null;
    journal ??= definition.journal(services.value);
    const label = type.schema.attributes.find(({ name }) => name === shape.label);
    const name = label && object[label.wireName];
    return journal.begin({ type: shape.type, name: typeof name === 'string' ? name : '', action });
  }

  /** Runs a handler; what it throws becomes a diagnostic, and the fallback the answer. */
  async function attempt<T>(
    type: ServedType<Services>,
    doing: string,
    fallback: () => T,
    work: (resource: Resource, context: ResourceContext) => T | Promise<T>,
    recorded: OperationRecord | null = null,
  ): Promise<{ readonly value: T; readonly diagnostics: WireDiagnostic[] }> {
    const name = type.entry.shape.type;
    const log = host.logger({ tf_resource_type: name, operation: doing });
    const diagnostics: WireDiagnostic[] = [];
    const context: ResourceContext = {
      signal: stop.signal,
      log,
      progress: recorded ?? SILENT,
      warn: (summary, detail) => diagnostics.push(warning(summary, detail)),
    };
    const call = async (): Promise<T> => work(handlerOf(type), context);
    const { watched } = definition;
    const handle = recorded && watched ? () => watched(recorded, call) : call;
    const task = host.isLogging && definition.logged ? definition.logged(log, handle) : handle();
    running.add(task);
    try {
      const value = await task;
      const warnings = summaries(diagnostics);
      // a handler may make a success with a warning of being stopped half way
      const outcome = stop.signal.aborted && warnings.length > 0 ? 'cancelled' : 'done';
      recorded?.end({ outcome, warnings, error: null });
      return { value, diagnostics };
    } catch (error) {
      log.warn('failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      const warnings = summaries(diagnostics);
      const told = errorDiagnostic(error, `${doing} ${name}`, stop.signal.aborted);
      diagnostics.push(told);
      const outcome = stop.signal.aborted ? 'cancelled' : 'failed';
      recorded?.end({ outcome, warnings, error: told.summary });
      return { value: fallback(), diagnostics };
    } finally {
      running.delete(task);
    }
  }

  const server: ProviderServer = {
    GetProviderSchema: () => ({
      provider: config.toProtocol(''),
      resourceSchemas: Object.fromEntries(
        [...types].map(([name, { entry, schema }]) => [
          name,
          schema.toProtocol(entry.shape.description, schemaVersion(entry.shape)),
        ]),
      ),
      dataSourceSchemas: Object.fromEntries(
        [...dataSources].map(([name, { entry, schema }]) => [name, schema.toProtocol(entry.shape.description)]),
      ),
      serverCapabilities: { getProviderSchemaOptional: true },
    }),

    ValidateProviderConfig: (request) => ({ diagnostics: validateConfig(config, objectOf(request.config)) }),

    ConfigureProvider: (request) => {
      const values = objectOf(request.config);
      const unknown = config.attributes.find(({ wireName }) => containsUnknown(values[wireName] ?? null));
      try {
        if (unknown) {
          throw new FleetError({
            code: 'provider-config-unknown',
            problem: 'is not known before apply',
            place: `provider.${definition.name}.${unknown.wireName}`,
            remedy: 'give the provider block a value that no resource computes',
            attribute: unknown.name,
          });
        }
        const handlerConfig = config.toHandler(planCreation(config, values).planned);
        services = { value: definition.configure(handlerConfig as ProviderConfig<A>) };
        return { diagnostics: [] };
      } catch (error) {
        return { diagnostics: [errorDiagnostic(error, `configuring provider ${definition.name}`, false)] };
      }
    },

    ValidateResourceConfig: (request) => ({
      diagnostics: validateConfig(typeOf(request.typeName).schema, objectOf(request.config)),
    }),

    ValidateDataResourceConfig: (request) => ({
      diagnostics: validateConfig(dataSourceOf(request.typeName).schema, objectOf(request.config)),
    }),

    ReadDataSource: async (request) => {
      const type = dataSourceOf(request.typeName);
      const { schema } = type;
      try {
        const config = schema.toHandler(planCreation(schema, objectOf(request.config)).planned);
        const handler = (type.handler ??= type.entry.handler());
        return { state: encodeValue(schema.toWire(await handler.read(config))), diagnostics: [] };
      } catch (error) {
        return { diagnostics: [errorDiagnostic(error, `reading ${request.typeName}`, stop.signal.aborted)] };
      }
    },

    UpgradeResourceState: (request) => {
      const { entry, schema } = typeOf(request.typeName);
      try {
        const state = upgradeState(entry.shape, schema, request.version ?? 0, request.rawState?.json);
        return { upgradedState: encodeValue(state), diagnostics: [] };
      } catch (error) {
        return { diagnostics: [errorDiagnostic(error, `upgrading the state of ${request.typeName}`, false)] };
      }
    },

    ReadResource: async (request) => {
      const type = typeOf(request.typeName);
      const state = objectOf(request.currentState);
      const { value, diagnostics } = await attempt<WireObject | null>(
        type,
        'reading',
        () => state,
        async (resource, context) => {
          const found = await resource.read(type.schema.toHandler(state), context);
          return found && type.schema.toWire(found);
        },
      );
      return { newState: encodeValue(value), diagnostics };
    },

    PlanResourceChange: async (request) => {
      const type = typeOf(request.typeName);
      const prior = optionalObject(request.priorState);
      if (!optionalObject(request.proposedNewState)) return { plannedState: encodeValue(null), diagnostics: [] };
      const wanted = objectOf(request.config);
      if (!prior) {
        return { plannedState: encodeValue(planCreation(type.schema, wanted).planned), diagnostics: [] };
      }
      const { value, diagnostics } = await attempt(
        type,
        'planning',
        () => ({ planned: prior, replace: [] }),
        (resource) => {
          const advice = (planned: WireObject) =>
            resource.plan?.(type.schema.toHandler(prior), type.schema.toHandler(planned)) ?? {};
          return planUpdate(type.schema, resource.update !== undefined, prior, wanted, advice);
        },
      );
      return {
        plannedState: encodeValue(value.planned),
        requiresReplace: value.replace.map(attributePath),
        diagnostics,
      };
    },

    ApplyResourceChange: async (request) => {
      const type = typeOf(request.typeName);
      const prior = optionalObject(request.priorState);
      const planned = optionalObject(request.plannedState);
      const action = prior === null ? 'create' : planned === null ? 'delete' : 'update';
      let kept = prior;
      const { value, diagnostics } = await attempt<WireObject | null>(
        type,
        DOING[action],
        () => kept,
        async (resource, context) => {
          if (planned === null) {
            await resource.delete(type.schema.toHandler(prior ?? {}), context);
            return null;
          }
          const applyContext: ApplyContext<never> = {
            ...context,
            keep: (state) => (kept = type.schema.toWire(state)),
          };
          const wanted = type.schema.toHandler(planned) as never;
          if (prior === null) return type.schema.toWire(await resource.create(wanted, applyContext));
          if (!resource.update) throw new Error('an update was planned for a type that only replaces');
          return type.schema.toWire(await resource.update(type.schema.toHandler(prior), wanted, applyContext));
        },
        record(type, action, planned ?? prior ?? {}),
      );
      return { newState: encodeValue(value), diagnostics };
    },

    ImportResourceState: async (request) => {
      const type = typeOf(request.typeName);
      const { value, diagnostics } = await attempt<WireObject | null>(
        type,
        'importing',
        () => null,
        async (resource, context) => {
          if (!resource.import) {
            throw new FleetError({
              code: 'import-unsupported',
              problem: 'cannot be imported',
              place: request.typeName,
              value: request.id,
              remedy: 'let terraform create it',
            });
          }
          return type.schema.toWire(await resource.import(request.id, context));
        },
      );
      const imported = value === null ? [] : [{ typeName: request.typeName, state: encodeValue(value) }];
      return { importedResources: imported, diagnostics };
    },

    StopProvider: () => {
      stop.abort();
      return { error: '' };
    },
  };

  const abandon = async (): Promise<void> => {
    stop.abort();
    await Promise.allSettled(running);
  };
  return { server, abandon };
}

/** How messages call a change. */
const DOING = { create: 'creating', update: 'updating', delete: 'deleting' } as const;

const SILENT: Progress = { step: () => undefined, amount: () => undefined };

function summaries(diagnostics: readonly WireDiagnostic[]): string[] {
  return diagnostics.map(({ summary }) => summary);
}

function optionalObject(value: DynamicValue | undefined): WireObject | null {
  return decodeValue(value) as WireObject | null;
}

function objectOf(value: DynamicValue | undefined): WireObject {
  return optionalObject(value) ?? {};
}
