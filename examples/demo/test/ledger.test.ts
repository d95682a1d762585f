import assert from 'node:assert/strict';
import { test } from 'vitest';
import { companies } from '../src/companies.ts';
import { openDoors, otherDoors } from '../src/doors.ts';
import { createLedger } from '../src/ledger.ts';

const doors = [...openDoors(companies), ...otherDoors(companies)];
const door = (host: string) => doors.find((candidate) => candidate.host === host) ?? assert.fail(host);

test('an answer with rows of its own tenant is counted', () => {
  const ledger = createLedger(companies);
  const body = [{ id: 1, name: 'Roof terrace', customer: { name: 'Hotel Miramar' } }];
  ledger.judge(door('bloom.localhost'), '/projects', { status: 200, body }, false);
  assert.deepEqual(ledger.faults, []);
  assert.equal(ledger.proof.find(({ tenant }) => tenant === 'bloom')?.rowsRead, 2);
});

test('a row of another tenant in it is a fault, however deep', () => {
  const ledger = createLedger(companies);
  const body = {
    id: 1,
    name: 'Roof terrace',
    tasks: [{ title: 'Plant the olive trees' }, { title: 'Vibration test' }],
  };
  ledger.judge(door('bloom.localhost'), '/projects/1', { status: 200, body }, false);
  assert.deepEqual(ledger.faults, [
    'GET bloom.localhost/projects/1 (subdomain) was answered with "Vibration test", of acme.',
  ]);
  assert.equal(ledger.proof.find(({ tenant }) => tenant === 'bloom')?.foreignRows, 1);
});

test('so is any row behind a door that is closed, and a door that is open instead', () => {
  const ledger = createLedger(companies);
  ledger.judge(door('drift.localhost'), '/', { status: 200, body: [{ title: 'Wax the boards' }] }, false);
  assert.deepEqual(ledger.faults, [
    'GET drift.localhost/ (suspended) was answered with 200, not 403.',
    'GET drift.localhost/ (suspended) was answered with "Wax the boards", of drift.',
  ]);
});

test('so are rows that are missing from the tables, or too many there', () => {
  const ledger = createLedger(companies);
  ledger.judgeStored('acme', ['Reusable fairing', 'Roof terrace']);
  assert.match(ledger.faults.join(), /^acme holds 2 rows, which are not the \d+ that are its own\.$/);
});
