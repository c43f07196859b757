import { isWithinCalendar } from './calendar-bounds';

it.each([
  ['0000-12-31T23:59:59.999Z', false],
  ['0001-01-01T00:00:00.000Z', true],
  ['9999-12-31T23:59:59.999Z', true],
  ['+010000-01-01T00:00:00.000Z', false],
  ['no instant', false],
])('%s is within the calendar: %s', (text, expected) => {
  expect(isWithinCalendar(new Date(text))).toBe(expected);
});
