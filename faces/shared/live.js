// Live: one stream of changes a page, read by fetch so that it can carry headers; when it cannot be had the page asks
// every few seconds instead. `Last-Event-ID` goes on where it broke; a reset means: read everything anew.

import { askingHeaders } from './api.js';

const POLL_MS = 5_000;
const SILENCE_MS_MAX = 40_000;
const BACK_MS = [500, 1_000, 2_000, 5_000, 10_000];

/**
 * Calls `onChange(change | null)` for each change; null means "something may have changed". `onLink(up)` tells whether
 * the stream stands. Returns a function that ends it.
 * @param {{types?: string, call?: string, watch?: string, onChange: (change: object | null) => void, onLink?: (up: boolean) => void}} wish
 */
export function live({ types = '', call = '', watch, onChange, onLink = () => {} }) {
  const query = new URLSearchParams();
  if (types) query.set('types', types);
  if (call) query.set('call', call);
  const state = { ended: false, last: '', tries: 0, stop: null, poll: 0 };

  async function run() {
    while (!state.ended) {
      try {
        await stream();
      } catch {
        // The next round tries again; until then the page asks on its own.
      }
      if (state.ended) return;
      down();
      await wait(BACK_MS[Math.min(state.tries++, BACK_MS.length - 1)]);
    }
  }

  async function stream() {
    const stop = (state.stop = new AbortController());
    const headers = askingHeaders(watch);
    if (state.last) headers['last-event-id'] = state.last;
    const response = await fetch(`/api/live?${query}`, { headers, signal: stop.signal });
    if (!response.ok || !response.body) throw new Error(String(response.status));
    up();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const silence = setTimeout(() => stop.abort(), SILENCE_MS_MAX);
      const { value, done } = await reader.read();
      clearTimeout(silence);
      if (done) return;
      const events = (rest + value).split(/\r?\n\r?\n/);
      rest = events.pop();
      events.forEach(take);
    }
  }

  function take(block) {
    const fields = {};
    for (const line of block.split(/\r?\n/)) {
      const colon = line.indexOf(':');
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trim();
    }
    if (fields.id) state.last = fields.id;
    if (fields.event === 'change') onChange(JSON.parse(fields.data));
    else if (fields.event === 'reset') onChange(null);
  }

  function up() {
    state.tries = 0;
    clearInterval(state.poll);
    state.poll = 0;
    onLink(true);
    onChange(null);
  }

  function down() {
    onLink(false);
    if (!state.poll) state.poll = setInterval(() => onChange(null), POLL_MS);
  }

  run();
  return () => {
    state.ended = true;
    clearInterval(state.poll);
    state.stop?.abort();
  };
}

/** Returns a function that runs `work` at most once in `ms`, and once more after the last wish. */
export function gently(work, ms) {
  let running = false;
  let wished = false;
  return async function wish() {
    if (running) {
      wished = true;
      return;
    }
    running = true;
    do {
      wished = false;
      await work();
      await wait(ms);
    } while (wished);
    running = false;
  };
}

export const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
