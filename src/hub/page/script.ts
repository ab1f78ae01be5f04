import { REFRESH_MS } from '../live-streams';

/** Milliseconds without a message after which the page says that it is no longer live. */
const SILENCE_MS = 4 * REFRESH_MS;

/** Milliseconds between two tries where the browser does not try by itself. */
const RETRY_MS = 5000;

/**
 * Script of the page, allowed by its hash: puts each message of the event stream in place of what is shown, changing
 * only the nodes that differ, so that a selection and the place in the page stay. While the page is hidden the stream is
 * closed: a browser keeps six connections to a host, and each open tab would take one.
 */
export const PAGE_SCRIPT = `
'use strict';
(() => {
  const fleet = document.getElementById('fleet');
  const live = document.getElementById('live');
  let source, silence, again;

  function say(text, good) {
    live.textContent = text;
    live.className = good ? '' : 'stale';
  }

  function lost() {
    say('not live: the hub does not answer', false);
  }

  function change(old, next) {
    if (old.isEqualNode(next)) return;
    if (old.nodeType !== 1 || old.nodeName !== next.nodeName) {
      old.replaceWith(next);
      return;
    }
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const now = [...old.childNodes];
    const then = [...next.childNodes];
    now.slice(then.length).forEach((child) => child.remove());
    then.forEach((child, n) => (now[n] ? change(now[n], child) : old.append(child)));
  }

  function show(event) {
    const next = fleet.cloneNode(false);
    next.append(...new DOMParser().parseFromString(event.data, 'text/html').body.childNodes);
    change(fleet, next);
    say('live', true);
    clearTimeout(silence);
    silence = setTimeout(lost, ${SILENCE_MS});
  }

  function close() {
    clearTimeout(silence);
    clearTimeout(again);
    if (source) source.close();
  }

  function open() {
    close();
    source = new EventSource('events');
    source.addEventListener('fleet', show);
    source.onerror = () => {
      lost();
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, ${RETRY_MS});
    };
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
})();
`;
