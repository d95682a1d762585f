import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, openApplication } from './fixtures/command.ts';

let app: Application;
beforeAll(async () => {
  app = await openApplication({ tenants: [] });
  const secrets = ['--columns', '{"apiToken":"hunter2"}', '--tenant-config'];
  const config = '{"cache":{"redis":"rediss://u:hunter2@redis.acme.com/2"},"password":"hunter2","locale":"nl"}';
  await app.run('create', 'acme', '--name', '=Acme \u001b[31mInc', '--isolation', 'database', ...secrets, config);
  await app.run('create', 'bloom', '--name', 'Bloom & Stem');
  await app.run('create', 'cobalt');
  await app.run('suspend', 'cobalt');
});
afterAll(async () => {
  await app.run('remove', 'acme', '--confirm', 'acme');
  await app[Symbol.asyncDispose]();
});

test('lists the tenants in a table, without control characters of a name', async () => {
  const { code, out, err } = await app.run('list');
  const [{ createdAt }] = JSON.parse((await app.run('list', '--json')).out);
  const day = createdAt.slice(0, 10);
  expect({ code, err }).toEqual({ code: 0, err: '3 tenants\n' });
  const rows = out
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  expect(rows).toEqual([
    ['id', 'name', 'status', 'isolation', 'placement', 'created'],
    ['acme', '=Acme Inc', 'active', 'database', `${app.prefix}acme`, day],
    ['bloom', 'Bloom & Stem', 'active', 'schema', `${app.database}.t_bloom`, day],
    ['cobalt', 'cobalt', 'suspended', 'schema', `${app.database}.t_cobalt`, day],
  ]);
});

test.each([
  [['--status', 'suspended'], ['cobalt']],
  [['--isolation', 'database'], ['acme']],
  [['--search', 'STEM'], ['bloom']],
  [['--limit', '1'], ['acme']],
  [['--search', 'nobody'], []],
])('lists only tenants with %j', async (filter, ids) => {
  const { out } = await app.run('list', '--json', ...filter);
  expect(JSON.parse(out).map(({ id }: { id: string }) => id)).toEqual(ids);
});

test('JSON contains no credentials, and CSV no formulas', async () => {
  const json = await app.run('list', '--json');
  expect(JSON.parse(json.out)[0]).toMatchObject({ id: 'acme', placement: { database: `${app.prefix}acme` } });
  expect(json.out).not.toContain('hunter2');
  const csv = await app.run('list', '--csv', '--status', 'active');
  expect(csv.out).toMatch(/^id,name,status,isolation,placement,created\nacme,'=Acme /);
  expect(csv.err).toBe('');
});

test('show masks values that look like credentials, and shows the others', async () => {
  const table = await app.run('show', 'acme');
  const json = await app.run('show', 'acme', '--json');
  expect(`${table.out}${json.out}`).not.toContain('hunter2');
  expect(table.out).toMatch(/^placement +.+acme$/m);
  expect(JSON.parse(json.out)).toMatchObject({
    apiToken: '***',
    plan: 'free',
    config: { password: '***', locale: 'nl' },
  });
});

test('show lists the primary domain first, and no empty fields', async () => {
  await app.run('domains', 'add', 'bloom', 'a.bloom.com');
  await app.run('domains', 'add', 'bloom', 'b.bloom.com', '--primary');
  const { out } = await app.run('show', 'bloom');
  expect(out).toMatch(/^domains +b\.bloom\.com \(primary\), a\.bloom\.com$/m);
  expect(out).not.toMatch(/^config/m);
});

test('only terminals that allow it get colors', async () => {
  const green = '\u001b[32mactive';
  const terminal = app.onTerminal('list');
  expect(await terminal.ended).toBe(0);
  expect(terminal.raw()).toContain(green);
  expect((await app.run('list')).out).not.toContain('\u001b');
  const bare = app.onTerminalWith({ env: { NO_COLOR: '1' } }, 'list');
  expect(await bare.ended).toBe(0);
  expect(bare.shown()).toContain('bloom');
  expect(bare.raw()).not.toContain('\u001b[');
  expect((await app.runWith({ env: { FORCE_COLOR: '1' } }, 'list')).out).toContain(green);
});

test('an unknown tenant, status or command is reported in a line or two and by the exit code', async () => {
  expect(await app.run('show', 'nobody')).toEqual({
    code: 1,
    out: '',
    err: 'error TENANT_UNKNOWN: There is no tenant "nobody".\n  List the tenants with: omnitenant list\n',
  });
  expect(await app.run('list', '--status', 'asleep')).toMatchObject({ code: 2, out: '' });
  expect(await app.run('list', '--isolation', 'dtabase')).toMatchObject({ code: 2, out: '' });
  for (const call of [['lsit'], ['help', 'lsit']])
    expect(await app.run(...call)).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean list?') });
  expect(await app.run('show')).toMatchObject({ code: 2, err: expect.stringContaining('omnitenant help <command>') });
});
