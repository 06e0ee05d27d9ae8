// Time: the city has its own clock, which may run fast; what people read is always city time, in the city's zone.

import { lang, t } from './words.js';

let base = Date.now();
let taken = Date.now();
let speed = 1;
let zone = 'Asia/Shanghai';
let clock = makeClock();
let day = makeDay();

/** Sets the city's clock from GET /api/node. */
export function setCity(node) {
  base = Date.parse(node.cityTime);
  taken = Date.now();
  speed = node.speed ?? 1;
  if (node.zone && node.zone !== zone) {
    zone = node.zone;
    clock = makeClock();
    day = makeDay();
  }
}

/** The city's time now, in milliseconds. */
export const cityNow = () => base + (Date.now() - taken) * speed;

/** How many city seconds pass in one of ours. */
export const citySpeed = () => speed;

/** City milliseconds until a wire time; negative when it has passed. */
export const until = (wire) => Date.parse(wire) - cityNow();

/** "14:05" today, "11月23日 14:05" on another day. */
export function atTime(wire) {
  const then = typeof wire === 'number' ? wire : Date.parse(wire);
  const same = day.format(then) === day.format(cityNow());
  return same ? clock.format(then) : `${day.format(then)} ${clock.format(then)}`;
}

/** "14:05:09" of the city's day. */
export const clockWords = (ms) => new Intl.DateTimeFormat('en-GB',
  { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false, timeZone: zone }).format(ms);

/** A length of time in words: whole minutes, "under a minute", hours from 90 minutes on. */
export function span(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return t('shared.under_minute');
  if (minutes < 90) return t('shared.minutes', { n: minutes });
  return t('shared.hours', { n: (minutes / 60).toFixed(1).replace('.0', '') });
}

/** A countdown: "4:09", "1:02:33". */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n) => String(n).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function makeClock() {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false, timeZone: zone });
}

function makeDay() {
  return new Intl.DateTimeFormat(lang === 'zh' ? 'zh-CN' : 'en-GB',
    { month: lang === 'zh' ? 'long' : 'short', day: 'numeric', timeZone: zone });
}
