// The platform's own API. Every failure is a Problem with words a person can read; nothing is thrown away silently.

import { t } from './words.js';

const face = document.documentElement.dataset.face;
const TOKEN = `linli.token.${face}`;
const CALLER = 'linli.caller';
const WAIT_MS_MAX = 20_000;

/** What went wrong: `status` 0 means that no answer came at all. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  get offline() {
    return this.status === 0;
  }
}

/** A sign-in counts for one tab and one face, so that four faces can stand side by side as four people. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

/** Headers that every request carries: who signed in here, or which browser asks, or the word for one call. */
export function askingHeaders(watch) {
  const headers = {};
  if (watch) headers['linli-watch'] = watch;
  else if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  headers['linli-caller'] = callerId();
  return headers;
}

/**
 * Asks the API.
 * @param {string} path
 * @param {{method?: string, body?: unknown, watch?: string, key?: string, purpose?: string}} [how] `purpose`: what personal data are asked for
 */
export async function ask(path, { method = 'GET', body, watch, key, purpose } = {}) {
  const headers = askingHeaders(watch);
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (key) headers['idempotency-key'] = key;
  if (purpose) headers['linli-purpose'] = purpose;
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(WAIT_MS_MAX),
    });
  } catch {
    throw new Problem(0, 'Offline', t('shared.no_answer'));
  }
  if (response.status === 401 && token.get()) token.set(null);
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    const code = String(answer?.type ?? '').split('/').pop() || 'Problem';
    throw new Problem(response.status, code, answer?.detail ?? t('shared.went_wrong', { status: response.status }));
  }
  return answer;
}

/** Posts and returns the answer. */
export const post = (path, body = {}, how = {}) => ask(path, { ...how, method: 'POST', body });

/** The address of a call's route. */
export const callPath = (id, step = '') => `/api/calls/${encodeURIComponent(id)}${step && `/${step}`}`;

/** A random id for an Idempotency-Key; works on plain http too, where crypto.randomUUID does not. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function callerId() {
  let id = localStorage.getItem(CALLER);
  if (!id) localStorage.setItem(CALLER, (id = freshKey()));
  return id;
}
