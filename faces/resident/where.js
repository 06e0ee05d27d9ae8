// Where somebody is needed: the signed-in resident's home, else where the phone is, else a place picked on the map.

import { h, put } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { t } from '../shared/words.js';

const PICKED = 'linli.place';
const GEO_MS = 8_000;

/** The place that a call will carry: {lon, lat, source: home | here | picked}, or null. */
export function knownPlace(me) {
  const picked = sessionStorage.getItem(PICKED);
  if (picked) return { ...JSON.parse(picked), source: 'picked' };
  return me.home ? { lon: me.home.lon, lat: me.home.lat, source: 'home' } : null;
}

export function pickPlace(place) {
  if (place) sessionStorage.setItem(PICKED, JSON.stringify({ lon: place.lon, lat: place.lat }));
  else sessionStorage.removeItem(PICKED);
}

/** Where the phone is, or null when it does not say. */
export function phonePlace() {
  if (!navigator.geolocation) return Promise.resolve(null);
  return new Promise((known) => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => known({ lon: +coords.longitude.toFixed(6), lat: +coords.latitude.toFixed(6), source: 'here' }),
      () => known(null),
      { enableHighAccuracy: true, timeout: GEO_MS, maximumAge: 60_000 },
    );
  });
}

/** The words for a place. */
export function placeWords(place, me) {
  if (!place) return t('resident.where_unknown');
  if (place.source === 'home') return t('resident.where_home');
  return t(place.source === 'here' ? 'resident.where_here' : 'resident.where_picked');
}

/** The view in which a place is picked; `done(place)` is called with it. */
export function whereView(node, me, done) {
  const canvas = h('div.map.pick');
  const use = h('button.primary', { type: 'button', hidden: true }, t('resident.where_use'));
  const note = h('p.note.bad', { role: 'alert', hidden: true });
  let picked = null;
  use.addEventListener('click', () => {
    pickPlace(picked);
    done({ ...picked, source: 'picked' });
  });
  const here = h('button', { type: 'button', onclick: async () => {
    const place = await phonePlace();
    if (place) {
      pickPlace(place);
      done(place);
    } else {
      note.hidden = false;
      put(note, t('resident.where_refused'));
    }
  } }, icon('pin'), t('resident.where_phone'));
  const home = me.home && h('button', { type: 'button', onclick: () => {
    pickPlace(null);
    done(knownPlace(me));
  } }, icon('onSite'), t('resident.where_go_home'));
  const view = h('section.where', null, h('h1', { tabindex: '-1' }, t('resident.where')), h('div.choices', null, home, here), note,
    h('p', null, t('resident.where_tap')), canvas, use);
  if (node.box) {
    import('../shared/map.js').then(({ pickMap }) => pickMap(canvas, {
      box: node.box, label: t('resident.where'), onPick: (place) => {
        picked = place;
        use.hidden = false;
      },
    })).catch(() => put(canvas, h('p.empty', null, t('resident.map_failed'))));
  } else {
    put(canvas, h('p.empty', null, t('resident.no_map')));
  }
  return view;
}
