import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { createHubClient, type HubClient } from '../../hub/client';
import { fleetSchema } from '../../model/fleet';
import type { JournalEvent } from '../../model/journal';
import { expandHome, FleetPaths } from '../../model/paths';
import { exactDurationText } from '../../model/units';

/** Milliseconds after which a step is long enough for a note. */
const LONG_MS = 20_000;
/** A hub that does not answer is not waited for. */
const HUB_MS = 2000;

type NoteTaker = Pick<HubClient, 'postProgress'>;

export interface HubNotesOptions {
  readonly fleet: string;
  /** Null where no hub is known. */
  readonly hub: () => { readonly client: NoteTaker; readonly domain: string } | null;
  /** Default 20 s. */
  readonly longMs?: number;
}

/** Posts a note to the State Hub for every step that takes long, and for the end of what had one. Best effort. */
export class HubNotes {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly steps = new Map<string, string>();
  private readonly noted = new Set<string>();

  constructor(private readonly options: HubNotesOptions) {}

  take(event: JournalEvent): void {
    const { operation } = event;
    if (event.event === 'step' && event.step === this.steps.get(operation)) return;
    clearTimeout(this.timers.get(operation));
    if (event.event === 'end') {
      this.timers.delete(operation);
      this.steps.delete(operation);
      if (this.noted.delete(operation)) {
        this.post(event, `${event.outcome} after ${exactDurationText(event.seconds)}`, event.error);
      }
      return;
    }
    const step = event.event === 'step' ? event.step : '';
    this.steps.set(operation, step);
    const timer = setTimeout(() => {
      this.noted.add(operation);
      this.post(event, step, event.event === 'step' ? event.detail : undefined);
    }, this.options.longMs ?? LONG_MS);
    // Nothing waits for a note.
    timer.unref();
    this.timers.set(operation, timer);
  }

  private post({ type, name, action }: JournalEvent, what: string, detail = ''): void {
    const hub = this.options.hub();
    const summary = [`${this.options.fleet}: ${action} ${type} ${name}`.trim(), what].filter((part) => part !== '');
    void hub?.client.postProgress({ domain: hub.domain, event_type: 'deploy', summary: summary.join(': '), detail });
  }
}

/** The hub of the fleet that a `fleet.json` describes; null where it cannot be read. */
export function hubOfFleet(fleetFile: string): ReturnType<HubNotesOptions['hub']> {
  try {
    const { hub, stateDirectory } = fleetSchema.parse(JSON.parse(readFileSync(fleetFile, 'utf8')));
    const { services } = new FleetPaths(expandHome(stateDirectory, homedir()));
    return { client: createHubClient({ url: hub.url, services, timeoutMs: HUB_MS }), domain: hub.domain };
  } catch {
    return null;
  }
}
