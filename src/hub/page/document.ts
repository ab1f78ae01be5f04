import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { PAGE_SCRIPT } from './script';
import { PAGE_STYLE } from './style';

// Not in the template, where white space is a matter of layout: the hashes are of these very bytes.
const STYLE = raw(`<style>${PAGE_STYLE}</style>`);
const SCRIPT = raw(`<script>${PAGE_SCRIPT}</script>`);

/** Seconds after which a browser without JavaScript loads the page again. */
const RELOAD_SECONDS = 5;

/** What the page may do: run its own script and style, and open its event stream. Nothing from anywhere else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(PAGE_SCRIPT)}'`,
  `style-src '${hashOf(PAGE_STYLE)}'`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Parts of the page around the fleet. */
export interface PageFrame {
  /** What {@link renderFleet} gave. */
  readonly fleet: string;
  readonly version: string;
  /** A line the operator has to see, such as a database that was set aside. */
  readonly notice: string | undefined;
}

/** The hub's page. It needs no JavaScript; with it, it stays current without being loaded again. */
export function renderPage({ fleet, version, notice }: PageFrame) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>State Hub</title>
        <link rel="icon" href="data:," />
        <noscript><meta http-equiv="refresh" content="${RELOAD_SECONDS}" /></noscript>
        ${STYLE}
      </head>
      <body>
        <header>
          <h1>State Hub</h1>
          <span id="live"><noscript>loaded again every ${RELOAD_SECONDS} s</noscript></span>
        </header>
        ${notice === undefined ? '' : html`<p class="notice">${notice}</p>`}
        <main id="fleet">${raw(fleet)}</main>
        <footer><p>buildfleet ${version}</p></footer>
        ${SCRIPT}
      </body>
    </html>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
