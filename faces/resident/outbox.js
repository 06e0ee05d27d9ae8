// The outbox: a press lives on the phone until the server has answered. Nothing here ever says "sent" by itself.
//
// A press is {key, kind, title, text, lon, lat, saidAt, pressedAt, state, tries, fault, code}; states:
// counting (undo is running) · ask (was pressed earlier: send it still?) · sending · queued (no network, retrying) ·
// refused (the server said no, and why). When the server took it, the press leaves the box and becomes a call.

import { Problem, freshKey, post } from '../shared/api.js';
import { cityNow } from '../shared/time.js';

const BOX = 'linli.outbox';
const MINE = 'linli.calls';
const WAIT_S = [0, 2, 5, 15, 30];
const OLD_MS = 10 * 60_000;
const KEPT = 20;

const listeners = new Set();
let presses = read(BOX);
let timer = 0;

// A press that was interrupted while it counted, or that waited too long, is not sent behind anybody's back.
for (const press of presses) {
  if (press.state === 'counting' || Date.now() - press.pressedAt > OLD_MS) press.state = 'ask';
  else if (press.state === 'sending') press.state = 'queued';
}

export const outbox = {
  all: () => presses,
  get: (key) => presses.find((press) => press.key === key),
  /** Calls `listener(press, call)` on each change; `call` is there when the server took the press. */
  listen(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },

  /** Keeps a new press; it counts down elsewhere and is sent by `send`. */
  add(kind, title, text, place) {
    const press = {
      key: freshKey(), kind, title, text, ...place, saidAt: new Date(cityNow()).toISOString(), pressedAt: Date.now(),
      state: 'counting', tries: 0,
    };
    presses.push(press);
    changed(press);
    return press;
  },

  /** Keeps a press until the person says where, or that it shall go out after all. */
  hold(press) {
    press.state = 'ask';
    changed(press);
  },

  place(press, { lon, lat }) {
    Object.assign(press, { lon, lat });
    changed(press);
  },

  /** Sends a press now, and again until an answer came. */
  send(press) {
    // After a refusal it is a new wish (another place), so it gets a new key: the old one is answered for good.
    if (press.state === 'refused') press.key = freshKey();
    Object.assign(press, { tries: 0, state: 'sending', fault: '', code: '' });
    changed(press);
    return attempt(press);
  },

  drop(press) {
    presses = presses.filter((one) => one !== press);
    changed(press);
  },
};

/** Calls that were placed from this phone: [{id, watch}], newest first. */
export const mine = {
  all: () => read(MINE),
  watch: (id) => read(MINE).find((call) => call.id === id)?.watch,
  add(call) {
    localStorage.setItem(MINE, JSON.stringify([call, ...read(MINE).filter((one) => one.id !== call.id)].slice(0, KEPT)));
  },
};

/** Begins to retry what waits; call once. */
export function startOutbox() {
  const now = () => { if (document.visibilityState === 'visible') retryAll(); };
  addEventListener('online', now);
  addEventListener('focus', now);
  document.addEventListener('visibilitychange', now);
  retryAll();
}

async function attempt(press) {
  const { kind, lon, lat, text, saidAt, key } = press;
  try {
    const placed = await post('/api/calls', { kind, lon, lat, mouth: kind === 'elder.sos' ? 'key' : 'app', text: text || undefined, saidAt }, { key });
    mine.add({ id: placed.id, watch: placed.watch });
    presses = presses.filter((one) => one !== press);
    changed(press, placed);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const hopeless = problem.status >= 400 && problem.status < 500 && ![401, 408, 425, 429].includes(problem.status);
    Object.assign(press, { state: hopeless ? 'refused' : 'queued', fault: problem.message, code: problem.code });
    changed(press);
    if (!hopeless) later(press);
  }
}

function later(press) {
  press.tries += 1;
  clearTimeout(timer);
  timer = setTimeout(retryAll, WAIT_S[Math.min(press.tries, WAIT_S.length - 1)] * 1000);
}

function retryAll() {
  for (const press of presses) {
    if (press.state !== 'queued') continue;
    if (Date.now() - press.pressedAt > OLD_MS) {
      press.state = 'ask';
      changed(press);
    } else {
      press.state = 'sending';
      attempt(press);
    }
  }
}

function changed(press, call) {
  localStorage.setItem(BOX, JSON.stringify(presses));
  for (const listener of listeners) listener(press, call);
}

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? '[]');
  } catch {
    return [];
  }
}
