import { Document, Scalar } from 'yaml';

/** Entries of the State Hub that the fleet refers to. */
export interface StateHubRefs {
  readonly url: string;
  readonly capabilities: readonly {
    readonly domain: string;
    readonly capabilityType: string;
    readonly title: string;
    /** Null where the hub has not been asked yet. */
    readonly id: string | null;
  }[];
}

/** `state-hub-refs.yml`. Ids are quoted: one that looks like a number must stay a string. */
export function renderStateHubRefs(refs: StateHubRefs): string {
  const document = new Document({
    state_hub: refs.url,
    capabilities: refs.capabilities.map(({ domain, capabilityType, title, id }) => ({
      domain,
      capability_type: capabilityType,
      title,
      id: id === null ? null : quoted(id),
    })),
  });
  return document.toString({ lineWidth: 0 });
}

function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}
