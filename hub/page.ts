import { html } from 'hono/html';
import type { Capability } from '../model/capability';
import { freshness, heartbeatAgeSeconds, isTypeEntry, parseInstanceKeywords } from '../model/capability';

/** Everything the page shows. */
export interface HubPage {
  readonly entries: readonly Capability[];
  readonly now: Date;
  readonly version: string;
  /** A line the operator has to see, such as a database that was set aside. */
  readonly notice: string | undefined;
}

/** The hub's page: one row per entry with its last heartbeat. Text of entries is escaped by the template. */
export function renderHubPage(page: HubPage) {
  const machines = page.entries.filter((entry) => !isTypeEntry(entry));
  const types = page.entries.filter(isTypeEntry);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content="10" />
        <meta name="viewport" content="width=device-width" />
        <title>State Hub</title>
        <style>
          body {
            font:
              16px/1.5 system-ui,
              sans-serif;
            margin: 2rem;
            color-scheme: light dark;
          }
          table {
            border-collapse: collapse;
          }
          th,
          td {
            text-align: left;
            padding: 0.3rem 1.5rem 0.3rem 0;
            border-bottom: 1px solid #8886;
          }
          .stale,
          .notice {
            color: #c33;
          }
        </style>
      </head>
      <body>
        <h1>State Hub</h1>
        ${page.notice === undefined ? '' : html`<p class="notice">${page.notice}</p>`}
        <table>
          <thead>
            <tr>
              <th>Entry</th>
              <th>GHC</th>
              <th>Tunnel port</th>
              <th>Last heartbeat</th>
              <th>State</th>
            </tr>
          </thead>
          <tbody>
            ${machines.map((entry) => machineRow(entry, page.now))}
          </tbody>
        </table>
        ${machines.length === 0 ? html`<p>No machine has registered.</p>` : ''}
        ${types.map((entry) => html`<p>${entry.title}: ${entry.description}</p>`)}
        <p><small>buildfleet ${page.version}</small></p>
      </body>
    </html>`;
}

function machineRow(entry: Capability, now: Date) {
  const facts = parseInstanceKeywords(entry.keywords);
  const state = freshness(entry, now);
  return html`<tr>
    <td>${entry.title}</td>
    <td>${facts.ghcVersions.join(', ')}</td>
    <td>${facts.tunnelPort ?? ''}</td>
    <td>${ageText(heartbeatAgeSeconds(entry, now))}</td>
    <td class="${state}">${state}</td>
  </tr>`;
}

function ageText(seconds: number | undefined): string {
  if (seconds === undefined) return 'not known';
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}
