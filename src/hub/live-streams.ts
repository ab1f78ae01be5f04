/** Event streams that are open at the same time; a further one is refused. */
export const STREAM_LIMIT = 32;

/** Milliseconds between two messages when nothing changes: ages grow and heartbeats fail to come. */
export const REFRESH_MS = 5000;

/** Least milliseconds between two messages, however much changes. */
const LEAST_GAP_MS = 250;

/** Milliseconds after which a client that takes nothing is forgotten. */
const PATIENCE_MS = 60_000;

/** Milliseconds after which a client shall come back when it lost its stream. */
const RETRY_MS = 2000;

interface OpenStream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  takenAt: number;
}

/**
 * Event streams of web pages, as Server-Sent Events named `fleet`. Each message holds the whole state, so that it is
 * rendered once for all streams, and a client that is slow misses messages instead of queueing them. Without streams
 * nothing is rendered and no timer runs.
 */
export class LiveStreams {
  private readonly streams = new Set<OpenStream>();
  private refresh: NodeJS.Timeout | undefined;
  private soon: NodeJS.Timeout | undefined;
  private sentAt = 0;

  /**
   * @param render gives the present state as text.
   * @param signal ends all streams, and lets no further one begin.
   */
  constructor(
    private readonly render: () => string,
    private readonly signal?: AbortSignal,
  ) {
    signal?.addEventListener(
      'abort',
      () => {
        this.endAll();
      },
      { once: true },
    );
  }

  /** How many are open. */
  get size(): number {
    return this.streams.size;
  }

  /** A new stream that begins with the present state; undefined when there are too many. */
  open(): ReadableStream<Uint8Array> | undefined {
    if (this.streams.size >= STREAM_LIMIT || this.signal?.aborted === true) return undefined;
    const first = this.message();
    let stream: OpenStream | undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          stream = { controller, takenAt: Date.now() };
          this.streams.add(stream);
          controller.enqueue(new TextEncoder().encode(`retry: ${RETRY_MS}\n`));
          controller.enqueue(first);
          this.refresh ??= setInterval(() => {
            this.send();
          }, REFRESH_MS).unref();
        },
        cancel: () => {
          if (stream !== undefined) this.forget(stream);
        },
      },
      // One message may wait until it is taken.
      { highWaterMark: 1 },
    );
  }

  /** To be called after each change: sends the new state soon, once for all changes until then. */
  changed(): void {
    if (this.streams.size === 0 || this.soon !== undefined) return;
    const wait = Math.max(0, this.sentAt + LEAST_GAP_MS - Date.now());
    this.soon = setTimeout(() => {
      this.send();
    }, wait).unref();
  }

  private send(): void {
    clearTimeout(this.soon);
    this.soon = undefined;
    this.sentAt = Date.now();
    let message: Uint8Array;
    try {
      message = this.message();
    } catch {
      // The state cannot be read: clients connect again and get the error.
      this.endAll();
      return;
    }
    for (const stream of this.streams) {
      if ((stream.controller.desiredSize ?? 0) > 0) {
        stream.controller.enqueue(message);
        stream.takenAt = this.sentAt;
      } else if (this.sentAt - stream.takenAt > PATIENCE_MS) {
        this.end(stream);
      }
    }
  }

  private message(): Uint8Array {
    const lines = this.render().split(/\r\n|\r|\n/);
    return new TextEncoder().encode(`event: fleet\n${lines.map((line) => `data: ${line}\n`).join('')}\n`);
  }

  private endAll(): void {
    for (const stream of this.streams) this.end(stream);
  }

  private end(stream: OpenStream): void {
    this.forget(stream);
    stream.controller.close();
  }

  private forget(stream: OpenStream): void {
    this.streams.delete(stream);
    if (this.streams.size > 0) return;
    clearInterval(this.refresh);
    clearTimeout(this.soon);
    this.refresh = this.soon = undefined;
  }
}
