import { expect, test } from 'vitest';
import { occurrencesIn } from './time-zone.ts';

const hour = 3_600_000;

/** Each occurrence of a year's schedule in UTC, and those of a zone that follow from it. */
function aYear(pattern: string, zone: string): number[] {
  const found: number[] = [];
  for (let at = Date.UTC(2026, 0, 1, 3), day = 0; day < 365; day += 1, at += 24 * hour) {
    found.push(...occurrencesIn(zone, { pattern, tz: 'UTC' }, at));
  }
  return found;
}

test.each(['Europe/London', 'America/New_York', 'Pacific/Auckland', 'Asia/Kolkata', 'UTC'])(
  'a daily schedule is due once on each day in %s, at its hour there',
  (timeZone) => {
    const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    const days = aYear('0 3 * * *', timeZone).map((at) => format.format(at).split(' '));
    expect(new Set(days.map(([, time]) => time))).toEqual(new Set(['03:00:00']));
    expect(new Set(days.map(([day]) => day)).size).toBe(days.length);
    expect(days.length).toBeGreaterThanOrEqual(364);
  },
);

test('in the schedule’s own zone it is due at once', () => {
  const at = Date.UTC(2026, 0, 1, 3);
  expect(occurrencesIn('UTC', { pattern: '0 3 * * *', tz: 'UTC' }, at)).toEqual([at]);
  expect(occurrencesIn('Asia/Tokyo', { pattern: '0 3 * * *', tz: 'UTC' }, at)).toEqual([at + 15 * hour]);
  expect(occurrencesIn('Asia/Tokyo', { every: 1_000 }, at)).toEqual([at]);
});
