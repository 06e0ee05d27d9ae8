// Passkeys and invitations: the only parts of signing in that need a script.

import { t } from '../shared/words.js';

// A passkey belongs to a name: a bare address has none, and neither has a page that came over plain http.
const named = !/^[\d.]+$|^\[/.test(location.hostname);
const able = named && window.isSecureContext && 'credentials' in navigator && 'PublicKeyCredential' in window;

for (const place of document.querySelectorAll('[data-passkey]')) passkeys(place);
for (const place of document.querySelectorAll('[data-enrol]')) enrolling(place);
for (const place of document.querySelectorAll('[data-invitation]')) invitation(place);

/** Sends JSON and returns the answer's JSON; what is wrong comes as an Error with the server's sentence. */
async function send(path, body) {
  const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const said = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.detail || t('sign-in.failed'));
  return said;
}

function passkeys(place) {
  if (!able) return;
  place.querySelector('[data-without]').hidden = true;
  pressing(place, 'sign-in', async () => {
    const options = await send('/api/sign-in/passkey/options', {});
    const { landing } = await send('/api/sign-in/passkey', await signed(options));
    location.assign(place.dataset.next || landing);
  });
}

function enrolling(place) {
  if (!able) return;
  pressing(place, 'enrol', async () => {
    await send('/api/account/passkeys', await made(await send('/api/account/passkeys/options', {})));
    location.reload();
  });
}

async function invitation(place) {
  const secret = location.hash.slice(1);
  if (!secret) return fault(place, t('sign-in.no_invitation'));
  let said;
  try {
    said = await send('/api/invitation', { invitation: secret });
  } catch (problem) {
    return fault(place, problem.message);
  }
  const lang = document.documentElement.lang.startsWith('zh') ? 'zh' : 'en';
  const words = { role: said.role[lang], areas: said.areas.map((one) => one[lang]).join(' · '), label: said.label, until: new Date(said.until).toLocaleString(lang) };
  for (const [name, text] of Object.entries(words)) place.querySelector(`[data-fact=${name}]`).textContent = text;
  place.querySelector('.facts').hidden = false;
  if (place.querySelector('[data-do=provider]')) {
    pressing(place, 'provider', async () => {
      await send('/api/invitation/provider', { invitation: secret });
      location.assign('/sign-in/provider');
    });
  }
  if (!able) return fault(place, t('sign-in.passkey_needs'));
  place.querySelector('[data-explain]').hidden = false;
  pressing(place, 'accept', async () => {
    const passkey = await made(await send('/api/invitation/passkey/options', { invitation: secret }));
    const { landing } = await send('/api/invitation/passkey', { invitation: secret, passkey });
    location.assign(landing);
  });
}

/** Shows a button and does its work on a press, once at a time. */
function pressing(place, name, work) {
  const button = place.querySelector(`[data-do=${name}]`);
  button.hidden = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    fault(place, '');
    try {
      await work();
    } catch (problem) {
      fault(place, problem.name === 'NotAllowedError' || problem.name === 'AbortError' ? t('sign-in.cancelled') : problem.message);
    }
    button.disabled = false;
  });
}

function fault(place, text) {
  const note = place.querySelector('[role=alert]');
  note.textContent = text;
  note.hidden = !text;
}

// The browser speaks in bytes, the server in base64url.

async function signed(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: (options.allowCredentials ?? []).map(known) };
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey });
  return { id, rawId: text(rawId), type, response: {
    clientDataJSON: text(response.clientDataJSON),
    authenticatorData: text(response.authenticatorData),
    signature: text(response.signature),
    userHandle: response.userHandle ? text(response.userHandle) : undefined,
  } };
}

async function made(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: (options.excludeCredentials ?? []).map(known) };
  const { id, rawId, type, response } = await navigator.credentials.create({ publicKey });
  return { id, rawId: text(rawId), type, response: {
    clientDataJSON: text(response.clientDataJSON),
    attestationObject: text(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  } };
}

const known = (one) => ({ ...one, id: bytes(one.id) });

function bytes(said) {
  const plain = atob(said.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
