import type { Amount, JournalEvent } from '../../model/journal';
import { VM_NAME_PREFIX } from '../../model/names';

/** The work on one object that has begun and not ended. */
export interface ActiveOperation {
  readonly label: string;
  readonly begun: number;
  readonly step: string;
  readonly detail: string | undefined;
  readonly amount: Amount | undefined;
}

export type EndEvent = Extract<JournalEvent, { event: 'end' }>;

/** State of a run, from the events of its journal. */
export class Operations {
  private readonly operations = new Map<string, ActiveOperation>();

  take(event: JournalEvent): void {
    if (event.event === 'end') {
      this.operations.delete(event.operation);
      return;
    }
    const known = this.operations.get(event.operation);
    const operation = known ?? {
      label: labelOf(event),
      begun: Date.parse(event.time),
      step: BEGINNING[event.action],
      detail: undefined,
      amount: undefined,
    };
    const { operation: id } = event;
    if (event.event === 'begin') this.operations.set(id, operation);
    else this.operations.set(id, { ...operation, step: event.step, detail: event.detail, amount: event.amount });
  }

  /** In the order in which they began. */
  get active(): readonly (ActiveOperation & { readonly id: string })[] {
    return [...this.operations].map(([id, operation]) => ({ ...operation, id }));
  }
}

const BEGINNING = { create: 'creating', update: 'changing', delete: 'removing' } as const;

const LABELS: Readonly<Record<string, (name: string) => string>> = {
  buildfleet_vm: shortName,
  buildfleet_identity: (name) => `keys of ${shortName(name)}`,
  buildfleet_image: (name) => `image ${name}`,
  buildfleet_managed_file: (name) => `file ${name}`,
  buildfleet_managed_files: (name) => `files in ${name}`,
  buildfleet_workstation: () => 'workstation',
  buildfleet_capability: (name) => `hub entry "${name}"`,
};

/** Name of an object for display. */
export function labelOf({ type, name }: Pick<JournalEvent, 'type' | 'name'>): string {
  return LABELS[type]?.(name) ?? `${type} ${name}`.trim();
}

/** `alpha` of `haskell-build-alpha`. */
function shortName(name: string): string {
  const prefix = `${VM_NAME_PREFIX}-`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
