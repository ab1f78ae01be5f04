import type { JournalEvent } from '../../model/journal';
import { exactDurationText } from '../../model/units';
import type { Terminal } from '../terminal';
import { Operations } from './operations';
import { renderActive, renderEnd, renderPlain } from './render';
import { Screen, type ScreenStream } from './screen';

/** Shows the progress of a run. */
export interface View {
  /** An event of the journal. */
  event(event: JournalEvent): void;
  /** Output of a program of a resource, such as a smoke test. */
  line(text: string): void;
  /** Called several times a second, with the phase of the run as a whole. */
  tick(phase: string): void;
  close(): void;
}

/** Milliseconds after which a running step is printed again where there is no terminal. */
const REMIND_MS = 30_000;

/** A line for everything that is worked on, drawn over; what has ended scrolls away above. */
export class LiveView implements View {
  private readonly operations = new Operations();
  private readonly screen: Screen;
  private frame = 0;
  private readonly begun = Date.now();

  constructor(
    stream: ScreenStream,
    private readonly columns: () => number,
    private readonly colour: boolean,
  ) {
    this.screen = new Screen(stream);
  }

  event(event: JournalEvent): void {
    this.operations.take(event);
    if (event.event === 'end') this.screen.print(renderEnd(event, this.colour));
  }

  line(text: string): void {
    this.screen.print(text);
  }

  tick(phase: string): void {
    this.frame += 1;
    const canvas = { columns: this.columns(), colour: this.colour, frame: this.frame, now: Date.now() };
    const { active } = this.operations;
    const whole = { label: phase, begun: this.begun, step: '', detail: undefined, amount: undefined };
    this.screen.draw(renderActive(active.length === 0 ? [whole] : active, canvas));
  }

  close(): void {
    this.screen.close();
  }
}

/** A line for each step, for logs. */
export class PlainView implements View {
  private readonly operations = new Operations();
  private readonly told = new Map<string, number>();
  private phase = '';

  constructor(
    private readonly message: (text: string) => void,
    private readonly now: () => number = Date.now,
  ) {}

  event(event: JournalEvent): void {
    const before = this.operations.active.find(({ id }) => id === event.operation)?.step;
    this.operations.take(event);
    if (event.event === 'end') {
      this.told.delete(event.operation);
      this.message(renderEnd(event, false));
    } else if (event.event === 'step' && event.step !== before) this.tell(event.operation);
  }

  line(text: string): void {
    this.message(text);
  }

  tick(phase: string): void {
    if (phase !== this.phase) this.message(phase);
    this.phase = phase;
    for (const { id } of this.operations.active) {
      if (this.now() - (this.told.get(id) ?? this.now()) >= REMIND_MS) this.tell(id);
    }
  }

  close(): void {
    // Everything is written already.
  }

  private tell(id: string): void {
    const operation = this.operations.active.find((active) => active.id === id);
    this.told.set(id, this.now());
    if (operation !== undefined) this.message(renderPlain(operation, this.now()));
  }
}

/** The journal's own lines, for programs. */
export class JsonView implements View {
  constructor(private readonly terminal: Pick<Terminal, 'data'>) {}

  event(event: JournalEvent): void {
    this.terminal.data(JSON.stringify(event));
  }

  line(): void {
    // It is in the log.
  }

  tick(): void {
    // Nothing to say.
  }

  close(): void {
    // Everything is written already.
  }
}

/** `9 added, 0 changed, 0 destroyed in 12 s` */
export function renderChanges(
  { add, change, destroy }: { readonly add: number; readonly change: number; readonly destroy: number },
  seconds: number,
): string {
  return `${add} added, ${change} changed, ${destroy} destroyed in ${exactDurationText(seconds)}`;
}
