import { html } from 'hono/html';
import {
  BUILD_AGENT_TYPE,
  freshness,
  heartbeatAgeSeconds,
  hostNameOfTitle,
  isTypeEntry,
  parseInstanceFacts,
  parseInstanceKeywords,
  type Capability,
  type StoredProgressNote,
} from '../../model/capability';
import { durationText, mebibytesText } from '../../model/units';
import type { HeartbeatHistory } from '../heartbeats';
import { heartbeatStrips } from './strip';

/** Heading of the strips: the upper one, the lower one. */
const HEARTBEATS = html`Heartbeats <small>last hour, last day</small>`;

/** Entries shown; a fleet has fewer, and a page of thousands is unreadable. */
const SHOWN = 300;

/** Everything that changes on the page. */
export interface FleetView {
  readonly entries: readonly Capability[];
  /** Heartbeats of an entry, asked only for entries that are shown. */
  readonly heartbeatsOf: (id: string) => HeartbeatHistory | undefined;
  /** Newest first. */
  readonly notes: readonly StoredProgressNote[];
  readonly now: Date;
}

/** The part of the page that is sent anew when something changes. What entries and notes say is escaped by `html`. */
export function renderFleet(view: FleetView): string {
  const machines = view.entries
    .filter((entry) => entry.capability_type === BUILD_AGENT_TYPE && !isTypeEntry(entry))
    .sort((one, other) => (one.title < other.title ? -1 : Number(one.title > other.title)));
  const others = view.entries.filter((entry) => !machines.includes(entry));
  const markup = html`${summary(machines, view.now)} ${machines.length === 0 ? '' : machineTable(machines, view)}
  ${noteList(view.notes, view.now)} ${otherList(others)}`;
  // A promise comes out of `html` only where one went in.
  return (markup as { toString(): string }).toString();
}

function summary(machines: readonly Capability[], now: Date) {
  if (machines.length === 0) return html`<p>No machine has registered.</p>`;
  const stale = machines.filter((entry) => freshness(entry, now) !== 'fresh').length;
  const counts = `${machines.length} ${machines.length === 1 ? 'machine' : 'machines'}, ${machines.length - stale} fresh`;
  return stale === 0
    ? html`<p>${counts}</p>`
    : html`<p>
        ${counts}, <strong class="stale">${stale} without heartbeats</strong>: <code>buildfleet status</code> says why.
      </p>`;
}

function machineTable(machines: readonly Capability[], view: FleetView) {
  return html`<table role="table">
      <thead role="rowgroup">
        <tr role="row">
          ${['Machine', 'State', HEARTBEATS, 'Builds', 'GHC', 'Tunnel port', 'Load', 'Memory free', 'Disk free'].map(
            (name) => html`<th role="columnheader" scope="col">${name}</th>`,
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${machines.slice(0, SHOWN).map((entry) => machineRow(entry, view))}
      </tbody>
    </table>
    ${leftOut(machines)}`;
}

function machineRow(entry: Capability, view: FleetView) {
  const { ghcVersions, tunnelPort } = parseInstanceKeywords(entry.keywords);
  const facts = parseInstanceFacts(entry.description);
  const state = freshness(entry, view.now);
  return html`<tr role="row" class="${state}">
    <th role="rowheader" scope="row">
      ${hostNameOfTitle(entry.title) ?? entry.title}
      ${facts.uptimeSeconds === undefined ? '' : html`<small>up ${together(durationText(facts.uptimeSeconds))}</small>`}
    </th>
    <td role="cell" data-label="State">
      <span class="state ${state}">${state}</span> <small>${ageText(heartbeatAgeSeconds(entry, view.now))}</small>
    </td>
    <td role="cell" data-label="Heartbeats">${heartbeatStrips(view.heartbeatsOf(entry.id), view.now)}</td>
    ${cell('Builds', facts.builds?.length === 0 ? 'none' : facts.builds?.join(', '))}
    ${cell('GHC', ghcVersions.length === 0 ? 'none' : ghcVersions.join(', '))} ${cell('Tunnel port', tunnelPort)}
    ${cell('Load', withTotal(facts.load?.toFixed(2), facts.cpus === undefined ? undefined : `${facts.cpus} CPUs`))}
    ${cell('Memory free', withTotal(size(facts.memoryFreeMib), size(facts.memoryMib)))}
    ${cell('Disk free', size(facts.diskFreeMib))}
  </tr>`;
}

/** A cell without anything in it is left out where the table is shown as cards. */
function cell(label: string, value: string | number | undefined) {
  return html`<td role="cell" data-label="${label}">${value}</td>`;
}

function withTotal(value: string | undefined, total: string | undefined): string | undefined {
  return value === undefined || total === undefined ? value : `${value} of ${total}`;
}

function size(mebibytes: number | undefined): string | undefined {
  return mebibytes === undefined ? undefined : together(mebibytesText(mebibytes));
}

function ageText(seconds: number | undefined): string {
  return seconds === undefined ? 'not known' : together(`${durationText(seconds)} ago`);
}

/** Lets no line break between a number and its unit. */
function together(text: string): string {
  return text.replaceAll(' ', '\u00a0');
}

function noteList(notes: readonly StoredProgressNote[], now: Date) {
  if (notes.length === 0) return '';
  return html`<h2>Progress</h2>
    <ul class="notes">
      ${notes.map(
        (note) =>
          html`<li>
            <time datetime="${note.created_at}">${ageText((now.getTime() - Date.parse(note.created_at)) / 1000)}</time>
            <span
              ><bdi>${note.summary}</bdi>
              <small>${[note.event_type, note.author].filter((part) => part !== '').join(', ')}</small></span
            >
            ${note.detail === '' ? '' : html`<pre>${note.detail}</pre>`}
          </li>`,
      )}
    </ul>`;
}

function otherList(entries: readonly Capability[]) {
  if (entries.length === 0) return '';
  return html`<h2>Other entries</h2>
    <dl>
      ${entries.slice(0, SHOWN).map(
        (entry) =>
          html`<dt><bdi>${entry.title}</bdi> <small>${entry.capability_type}</small></dt>
            <dd>${entry.description}</dd>`,
      )}
    </dl>
    ${leftOut(entries)}`;
}

function leftOut(entries: readonly Capability[]) {
  return entries.length <= SHOWN ? '' : html`<p>${entries.length - SHOWN} more are not shown.</p>`;
}
