// One family of drawings: 24 px grid, one stroke, an outline of its own for each state, so that none needs its colour.

import { s } from './dom.js';

const PATHS = {
  queued: 'M7 18h10a4 4 0 0 0 1-7.900A6 6 0 0 0 6.5 9 4.5 4.5 0 0 0 7 18M3 3l18 18',
  received: 'M4 13l2.5-8h11L20 13v6H4zM4 13h5l1 2.500h4l1-2.500h5',
  triaged: 'M6 5h12v16H6zM9 3h6v4H9zM9 12h6M9 16h4',
  offered: 'M7 12V6.500a1.5 1.5 0 0 1 3 0V11V4.500a1.5 1.5 0 0 1 3 0V11V5.500a1.5 1.5 0 0 1 3 0V12V8.500a1.5 1.5 0 0 1 3 0V15a6 6 0 0 1-6 6c-3 0-4.5-1.5-6-4l-3-5c1-1.5 2.5-1.2 3 0z',
  accepted: 'M10 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M3 20c0-4 3-6.5 7-6.5 1.5 0 2.8.3 3.9 1M14 18l2.5 2.500L21 15.5',
  enRoute: 'M4 20c0-5 4-6 8-6s7-1.5 7-6V4M15 8l4-4 4 4M4 20h3',
  onSite: 'M4 11l8-7 8 7v9h-5v-6H9v6H4z',
  done: 'M4 12.500l5.5 5.500L20 7',
  confirmed: 'M2 13l4.5 4.500L15 8M11 16l1.5 1.500L22 8',
  closed: 'M4 8h16v12H4zM3 4h18v4H3zM10 12h4',
  noProvider: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20c0-4 2.8-6.5 6.5-6.500M15 11.500c0-4 5.5-3.7 5.5-.5 0 2-2.7 2-2.7 4.500M17.8 19.500v.5',
  unreachable: 'M5 4l4 1 1 4-2 2c1 2.5 2.5 4 5 5l2-2 4 1 1 4c-9 2-17-6-15-15M14 3l7 7M21 3l-7 7',
  escalated: 'M3 20h5v-5h5v-5h5V5h3M6 9l4-4M10 9V5H6',
  handedOver: 'M12 3v18M3 9h15M14.5 5.500L18 9l-3.5 3.500M21 16H6M9.5 12.500L6 16l3.5 3.5',
  onHold: 'M8 5v14M16 5v14',
  reopened: 'M4 12a8 8 0 1 0 2.5-5.800L4 8.500M4 3.500v5h5',
  cancelled: 'M5 5l14 14M19 5L5 19',
  falseAlarm: 'M6 17V11a6 6 0 0 1 12 0v6zM10 20h4M3 3l18 18',
  phone: 'M5 4l4 1 1 4-2 2c1 2.5 2.5 4 5 5l2-2 4 1 1 4c-9 2-17-6-15-15',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7v5l3.5 2',
  border: 'M12 2v3M12 8v3M12 14v3M12 20v2M3 12h17M16 8l4 4-4 4',
  pin: 'M12 21c5-5.5 7-8.5 7-11a7 7 0 1 0-14 0c0 2.5 2 5.5 7 11M12 12.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5',
  star: 'M12 3l2.7 5.8 6.3.7-4.7 4.3 1.3 6.2-5.6-3.200L6.4 20l1.3-6.200L3 9.500l6.3-.700z',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-5 3.5-7.5 8-7.500s8 2.5 8 7.5',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6zM10 20h4',
  sos: 'M12 3l10 17H2zM12 9.500v5M12 17v.5',
  cart: 'M3 4h3l2.5 11h10L21 7H7M10 20a1 1 0 1 0 0-2 1 1 0 0 0 0 2M17 20a1 1 0 1 0 0-2 1 1 0 0 0 0 2',
  pill: 'M6 13l7-7a4 4 0 0 1 6 6l-7 7a4 4 0 0 1-6-6M9.5 9.500l5 5',
  broom: 'M19 3l-7 9M8 11l5 4-2 6H4c2-2 2-7 4-10M8 17l-1 4',
  care: 'M12 20C5 15 3 12 3 8.500A4.5 4.5 0 0 1 12 7a4.5 4.5 0 0 1 9 1.500C21 12 19 15 12 20',
  service: 'M4 7h16v13H4zM9 7V4h6v3M4 12h16',
  people: 'M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M3 19c0-3.5 2.5-5.5 6-5.500s6 2 6 5.500M16 5.500a3 3 0 0 1 0 5.500M17.5 14c2.2.7 3.5 2.5 3.5 5',
  sound: 'M4 9v6h4l5 4V5L8 9zM16.5 8.500a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12',
  plus: 'M12 5v14M5 12h14',
  meal: 'M3 12h18a9 9 0 0 1-18 0M8 4c-1 1.5 1 2.5 0 4M12 3c-1 1.5 1 3 0 5M16 4c-1 1.5 1 2.5 0 4',
  bath: 'M3 12h18v2a6 6 0 0 1-6 6H9a6 6 0 0 1-6-6zM6 12V6a2.5 2.5 0 0 1 5 0M8 21l1-1M16 21l-1-1',
  wrench: 'M20 6.5a5 5 0 0 1-6.5 6L7 19a2 2 0 0 1-3-3l6.5-6.5a5 5 0 0 1 6-6.5L13.5 6l.5 4 4 .5z',
  fall: 'M16 6a2 2 0 1 0 0-4 2 2 0 0 0 0 4M14 8l-5 3 2 5-5 4M9 11L4 10M11 13l6-1 3 4M3 22h18',
  calendar: 'M4 6h16v15H4zM4 10h16M8 3v5M16 3v5M9 15l2 2 4-4',
  shield: 'M12 3l8 3v6c0 5-3.5 7.5-8 9-4.5-1.5-8-4-8-9V6zM8.5 12l2.5 2.5 4.5-4.5',
  box: 'M12 3l9 4.500v9L12 21l-9-4.500v-9zM3 7.500l9 4.5 9-4.500M12 12v9',
  device: 'M7 3h10v18H7zM10.5 18h3M10 7h4',
  door: 'M5 21V3h12v18M3 21h18M13.5 12v.5',
  swap: 'M4 8h14l-3.5-3.500M20 16H6l3.5 3.5',
  money: 'M6 4l6 8 6-8M12 12v9M7.5 13h9M7.5 17h9',
  crack: 'M4 4h16v16H4zM13 4l-3 6 4 3-3 7',
};

/** The drawings that a pack may name for its kinds; anything else is drawn as a parcel of help. */
const KINDS = {
  alarm: 'sos', warning: 'sos', heart: 'care', nurse: 'care', basket: 'cart', shop: 'cart', bag: 'cart', medicine: 'pill', drug: 'pill',
  clean: 'broom', home: 'onSite', house: 'onSite', repair: 'wrench', check: 'done', visit: 'person', group: 'people', quiet: 'unreachable',
  ledger: 'triaged', price: 'money', refund: 'money',
};

/**
 * Draws an icon; it is decoration, the word beside it says the same.
 * @param {string} name
 */
export function icon(name) {
  return s('svg.icon', { viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' },
    s('path', { d: PATHS[name] ?? PATHS.service }));
}

/** The icon of a service kind, by the word its pack gives. */
export const kindIcon = (name) => icon(KINDS[name] ?? (name in PATHS ? name : 'service'));

/** All names, for the style page. */
export const iconNames = Object.keys(PATHS);

/** The outline of an icon as a path on the 24 px grid, for drawing on a map. */
export const iconPath = (name) => PATHS[name] ?? PATHS.service;
