import { createHubClient, type HubClient } from '../../hub/client';
import { sameContent, type NewCapability } from '../../model/capability';
import { FleetError, isFleetError } from '../../model/errors';
import { capabilityShape } from '../../model/resources/capability';
import type { Config, State } from '../../model/resource-shape';
import type { Resource, ResourceContext } from '../plugin/resource';
import { fleetPaths } from './fleet-paths';
import type { ProviderSettings } from './settings';

type CapabilityConfig = Config<typeof capabilityShape>;

/**
 * The handler of `buildfleet_capability`: one entry that the fleet itself keeps in the hub's catalog.
 *
 * @param connect gives a client that may write what only the operator may
 */
export function capabilityResource(
  connect: (url: string) => HubClient = (url) => createHubClient({ url }),
): Resource<typeof capabilityShape> {
  const put = async (planned: CapabilityConfig, context: ResourceContext): Promise<State<typeof capabilityShape>> => {
    context.progress.step('registering with the State Hub');
    const { entry, outcome, surplus } = await connect(planned.hubUrl).upsert(entryOf(planned), {
      signal: context.signal,
    });
    if (outcome === 'left-unchanged') {
      context.warn(
        'the State Hub cannot change entries',
        `"${planned.title}" stays as it is in ${planned.hubUrl}, which answers no PATCH`,
      );
    }
    if (surplus.length > 0) {
      context.warn(
        'the State Hub cannot delete entries',
        `"${planned.title}" is there more than once: ${surplus.join(', ')}`,
      );
    }
    return { ...planned, id: entry.id };
  };

  return {
    shape: capabilityShape,
    create: put,
    update: async (_prior, planned, context) => put(planned, context),
    read: async (state, context) => {
      const { signal } = context;
      const { hubUrl, domain, capabilityType, title } = state;
      try {
        const entries = await connect(hubUrl).list({ domain, capabilityType, title }, { signal });
        const named = entries.filter((entry) => entry.title === title);
        const found = named.find((entry) => entry.id === state.id) ?? named[0];
        if (found === undefined) return null;
        // A hub may sort keywords, which is not a change.
        if (sameContent(found, entryOf(state))) return { ...state, id: found.id };
        return { ...state, id: found.id, description: found.description, keywords: found.keywords };
      } catch (error) {
        if (signal.aborted || !isFleetError(error)) throw error;
        // A dead hub has to be visible in a plan, and must not stop a destroy.
        context.warn('the State Hub could not be asked', `the entry "${title}" is taken as it was: ${error.message}`);
        return state;
      }
    },
    plan: (prior, planned) => ({ unknown: prior.hubUrl === planned.hubUrl ? [] : ['id'] }),
    delete: async (state, context) => {
      const { signal } = context;
      const { hubUrl, domain, capabilityType, title } = state;
      try {
        const { left } = await connect(hubUrl).ensureAbsent(
          { domain, capability_type: capabilityType, title },
          { signal },
        );
        if (left.length > 0)
          context.warn('the State Hub cannot delete entries', `"${title}" stays in ${hubUrl}: ${left.join(', ')}`);
      } catch (error) {
        if (signal.aborted || !isFleetError(error) || !isLoopback(hubUrl)) throw error;
        // The embedded hub's entries go with its database.
        context.warn('the State Hub could not be asked', `nothing was deleted from ${hubUrl}: ${error.message}`);
      }
    },
    import: async (id, { signal }) => {
      const [, hubUrl = '', domain = '', capabilityType = '', title = ''] = /^(\S+) (\S+) (\S+) (.+)$/.exec(id) ?? [];
      const entries = title === '' ? [] : await connect(hubUrl).list({ domain, capabilityType, title }, { signal });
      const found = entries.find((entry) => entry.title === title);
      if (found === undefined) {
        throw new FleetError({
          code: 'capability-missing',
          problem: 'there is no such entry in the State Hub',
          value: id,
          remedy: `import with "URL DOMAIN TYPE TITLE", such as "${capabilityShape.importId?.example ?? ''}"`,
        });
      }
      return {
        hubUrl,
        domain,
        capabilityType,
        title,
        description: found.description,
        keywords: found.keywords,
        id: found.id,
      };
    },
  };
}

/** Clients of the fleet's own hub come through the operator's socket. */
export function operatorsHub(settings: ProviderSettings): (url: string) => HubClient {
  return (url) => createHubClient({ url, services: fleetPaths(settings).services });
}

function entryOf(state: CapabilityConfig): NewCapability {
  const { domain, capabilityType, title, description, keywords } = state;
  return { domain, capability_type: capabilityType, title, description, keywords: [...keywords] };
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
