import type { Amount, JournalEvent } from '../../model/journal';
import type { Journal, Operation, OperationRecord, OperationResult } from '../plugin/journal';
import { lineText } from './line-text';

/** Milliseconds between two lines that only have a step's amount, or its tool's output. */
const INTERVAL = { amount: 250, detail: 1000 };

/** Writes events at a limited rate: a tool may print a thousand lines a second. */
export class EventJournal implements Journal {
  private operations = 0;

  constructor(
    private readonly append: (event: JournalEvent) => void,
    private readonly now: () => number = Date.now,
  ) {}

  begin({ type, name, action }: Operation): OperationRecord {
    const begun = this.now();
    const operation = `${process.pid}-${(this.operations += 1)}`;
    const subject = () => ({
      time: new Date(this.now()).toISOString(),
      operation,
      type,
      name: lineText(name),
      action,
    });
    let current = { step: '', detail: undefined as string | undefined };
    let last = begun;
    let lastDone = NaN;
    this.append({ event: 'begin', ...subject() });

    const write = (amount?: Amount): void => {
      last = this.now();
      lastDone = amount?.done ?? NaN;
      const { step, detail } = current;
      const parts = { ...(detail === undefined ? {} : { detail }), ...(amount === undefined ? {} : { amount }) };
      this.append({ event: 'step', ...subject(), step, ...parts });
    };
    return {
      step: (text, detail) => {
        const next = { step: lineText(text), detail: detail === undefined ? undefined : lineText(detail) };
        const isAnother = next.step !== current.step;
        const isNews = next.detail !== undefined && next.detail !== current.detail;
        if (!isAnother && !(isNews && this.now() - last >= INTERVAL.detail)) return;
        current = next;
        write();
      },
      amount: (amount) => {
        if (!(amount.total > 0) || amount.done === lastDone) return;
        const isOver = amount.done >= amount.total;
        if (isOver || this.now() - last >= INTERVAL.amount) write(amount);
      },
      end: ({ outcome, warnings, error }: OperationResult) => {
        const seconds = Math.round((this.now() - begun) / 100) / 10;
        const told = error === null ? {} : { error: lineText(error) };
        this.append({ event: 'end', ...subject(), outcome, seconds, warnings: warnings.map(lineText), ...told });
      },
    };
  }
}
